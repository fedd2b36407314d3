// The value stack of the function being compiled, the registers its entries use, and the frame slots they go to.
//
// An entry is where a value is or what it will be computed from (value.hh). Taking one off the stack hands its registers to
// the caller, who releases them; `use` and its kin turn it into a register first.
//
// Invariants:
// - Entries below `flushed_` are constants or spilled, entries below `evicted_` name no caller-saved register; flushed_ ≤ evicted_.
//   Both only make "what is left to flush or to evict" quick to find, so that hostile nesting stays linear.
// - A register taken off the stack (`use`, `use_low`) is owned by the handler until it calls release().
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "address_cache.hh"
#include "constant_pool.hh"
#include "local_plan.hh"
#include "nacre/engine/isa/riscv64/macro_assembler.hh"
#include "nacre/engine/wasm/call_layout.hh"
#include "nacre/engine/wasm/function_decoder.hh"
#include "registers.hh"
#include "value.hh"

namespace nacre::baseline {

using abi::TrapKind;
using riscv64::FloatWidth;
using riscv64::MacroAssembler;
using wasm::ValType;

class OperandStack {
 protected:
  // A value on its way to a register.
  struct Move {
    Value value;  // simple
    Reg to;
  };

  OperandStack(const wasm::Module& module, MacroAssembler& masm, PausePoint& pauses)
      : masm_(masm), decoder_(module, pauses), plan_(pauses) {}

  // ---- Entries ----
  void push(const Value& value) { stack_.push_back(value); }
  // `bits`: how many low bits of an i32 may be set, if known.
  void push_register(ValType type, Reg r, Pending pending = Pending::None, int64_t bits = 0) {
    stack_.push_back(Value::in_register(type, r, pending, bits));
  }
  Value pop() {
    const Value value = stack_.back();
    stack_.pop_back();
    if (stack_.size() < evicted_) [[unlikely]]
      note_shrunk();
    return value;
  }
  void note_shrunk();
  [[nodiscard]] uint32_t height() const { return static_cast<uint32_t>(stack_.size()); }
  [[nodiscard]] Reg allocate(ValType type) {
    return wasm::is_float(type) ? allocate_float() : allocate_integer();
  }
  [[nodiscard]] Reg allocate_integer() { return allocate_in(kIntegers); }
  [[nodiscard]] Reg allocate_float() { return allocate_in(kFloats); }
  [[nodiscard]] Reg allocate_in(RegSet file) {
    const RegSet free = pool_.free_in(file);
    if (free == 0) [[unlikely]]
      return allocate_slow(file);
    const Reg r = lowest(free);
    pool_.take(r);
    return r;
  }
  [[nodiscard]] Reg allocate_slow(RegSet file);
  // Exactly this temporary, which no stack entry names.
  void allocate_exactly(Reg r);
  void release(Reg r) { pool_.release(r); }
  void release(const Value& value);
  // The popped value in a register, complete.
  [[nodiscard]] Reg use(const Value& value) {
    if (value.is_register() && value.pending == Pending::None) [[likely]]
      return value.reg;
    return use_slow(value);
  }
  [[nodiscard]] Reg use_slow(const Value& value);
  // The same, but the upper half of an i32 may be anything.
  [[nodiscard]] Reg use_low(const Value& value) {
    if (value.is_register() && value.pending <= Pending::Narrow) [[likely]]
      return value.reg;
    return use_slow(value);
  }
  [[nodiscard]] Reg pop_use() { return use(pop()); }
  // Completes what is pending: the result is simple, and owns a register if it names one.
  [[nodiscard]] Value simplified(const Value& value);
  void simplify_top(uint32_t count);
  // Moves the popped value into `to`, and releases it.
  void move_into(const Value& value, Reg to);
  // What `value`, a register, has pending, with the result in `to`.
  void apply_pending(Reg to, const Value& value);
  void materialize_compare(Reg to, const Value& value);
  void load_constant(Reg to, ValType type, int64_t bits);
  void emit_constant(Reg to, ValType type, int64_t bits);
  // A register that holds it all the time, or kNoReg.
  [[nodiscard]] Reg find_constant(ValType type, int64_t bits) const;
  void move_register(Reg to, Reg from, ValType type);
  [[nodiscard]] bool try_retarget(Reg from, Reg to);
  void spill(uint32_t position);
  [[nodiscard]] bool is_volatile(const Value& value) const;
  // Everything to its place in memory, except constants.
  void flush_all();
  // The top `count` entries too, constants included.
  void flush_with_parameters(uint32_t count);
  // What the entries below a height have in caller-saved registers goes to memory; other references to locals stay.
  void spill_volatile(uint32_t below);
  void shrink_stack(uint32_t height);
  // No stack entry refers to the pinned register any more.
  void preserve(Reg pinned);
  void forget_addresses() { addresses_.clear(pool_); }

  // ---- Frame slots ----
  [[nodiscard]] uint32_t local_offset(uint32_t slot) const { return locals_offset_ + 8 * slot; }
  // Also notes that the spill slot of `position` is used.
  [[nodiscard]] uint32_t spill_offset(uint32_t position);
  void store_to_frame(Reg r, uint32_t offset);
  void load_from_frame(Reg r, ValType type, uint32_t offset);

  // ---- moves.cc ----
  [[nodiscard]] static Reg register_at(wasm::ValueLocation location) {
    const bool is_float = location.kind == wasm::ValueLocation::Kind::Float;
    return static_cast<Reg>((is_float ? reg(Fpr::Fa0) : reg(Gpr::A0)) + location.index);
  }
  // All at once: no move overwrites the source of another. Values keep their registers' counts.
  void move_parallel(std::span<Move> moves);
  void emit_move(const Move& move);

  MacroAssembler& masm_;
  wasm::FunctionDecoder decoder_;

  // Per function.
  LocalPlan plan_;
  RegisterPool pool_;
  AddressCache addresses_;
  ConstantPool constants_;
  std::vector<Value> stack_;
  uint32_t flushed_ = 0;
  uint32_t evicted_ = 0;
  // Registers that stack entries must leave before a call, or when temporaries run out.
  RegSet volatile_ = 0;
  uint32_t locals_offset_ = 0;
  uint32_t spills_offset_ = 0;
  uint32_t spill_slots_ = 0;  // used so far
  bool frame_needed_ = false;
};

}  // namespace nacre::baseline
