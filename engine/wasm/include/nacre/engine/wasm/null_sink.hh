// Everything that FunctionDecoder tells a sink. A sink derives from NullSink and hides the
// functions it cares about (calls are resolved at compile time, nothing is virtual). On its own it
// turns the decoder into a plain validator.
#pragma once

#include <cstdint>
#include <span>

#include "nacre/engine/wasm/function_decoder.hh"

namespace nacre::wasm {

struct NullSink {
  // The locals are known: FunctionDecoder::locals().
  void on_function_begin() {}

  // ---- Control. `frame` is on top of the control stack. ----
  void on_block(const ControlFrame& /*frame*/) {}
  void on_loop(const ControlFrame& /*frame*/) {}
  void on_if(const ControlFrame& /*frame*/) {}  // the condition is popped
  // `then_live`: the end of the then-part can be reached.
  void on_else(const ControlFrame& /*frame*/, bool /*then_live*/) {}
  // `fallthrough_live`: the code before the end can be reached. `live_after`: it, a branch, or a
  // false condition of an if without else leads behind the end; if not, the next call is the
  // enclosing frame's on_else or on_end. The function's own frame (Kind::Function) ends the walk.
  void on_end(const ControlFrame& /*frame*/, bool /*fallthrough_live*/, bool /*live_after*/) {}
  // Depths are valid; control(depth).label_types() says what lies on top of the stack for the
  // target. Code behind br, br_table, return and unreachable is dead.
  void on_br(uint32_t /*depth*/) {}
  void on_br_if(uint32_t /*depth*/) {}
  void on_br_table(std::span<const uint32_t> /*depths, the default last*/) {}
  void on_return() {}
  void on_unreachable() {}
  void on_call(uint32_t /*function*/, const FuncType& /*type*/) {}
  void on_call_indirect(uint32_t /*type_index*/, uint32_t /*table*/, const FuncType& /*type*/) {}

  // ---- Values ----
  void on_drop(ValType /*type*/) {}
  void on_select(ValType /*type*/) {}
  void on_local_get(uint32_t /*local*/, ValType /*type*/) {}
  void on_local_set(uint32_t /*local*/, ValType /*type*/) {}
  void on_local_tee(uint32_t /*local*/, ValType /*type*/) {}
  void on_global_get(uint32_t /*global*/, ValType /*type*/) {}
  void on_global_set(uint32_t /*global*/, ValType /*type*/) {}
  // i32 sign-extended to 64 bits; floats as their bits, f32 zero-extended.
  void on_const(ValType /*type*/, uint64_t /*bits*/) {}
  void on_unary(Opcode /*opcode*/) {}
  void on_binary(Opcode /*opcode*/) {}
  void on_test(Opcode /*opcode*/) {}  // i32.eqz, i64.eqz
  void on_compare(Opcode /*opcode*/) {}
  void on_convert(Opcode /*opcode*/) {}
  void on_ref_null(ValType /*type*/) {}
  void on_ref_is_null(ValType /*type*/) {}
  void on_ref_func(uint32_t /*function*/) {}

  // ---- Memory (always number 0) ----
  void on_load(Opcode /*opcode*/, MemArg /*memarg*/) {}
  void on_store(Opcode /*opcode*/, MemArg /*memarg*/) {}
  void on_memory_size() {}
  void on_memory_grow() {}
  void on_memory_copy() {}
  void on_memory_fill() {}
  void on_memory_init(uint32_t /*data_segment*/) {}
  void on_data_drop(uint32_t /*data_segment*/) {}

  // ---- Tables ----
  void on_table_get(uint32_t /*table*/) {}
  void on_table_set(uint32_t /*table*/) {}
  void on_table_size(uint32_t /*table*/) {}
  void on_table_grow(uint32_t /*table*/) {}
  void on_table_fill(uint32_t /*table*/) {}
  void on_table_copy(uint32_t /*destination*/, uint32_t /*source*/) {}
  void on_table_init(uint32_t /*table*/, uint32_t /*element_segment*/) {}
  void on_elem_drop(uint32_t /*element_segment*/) {}
};

}  // namespace nacre::wasm
