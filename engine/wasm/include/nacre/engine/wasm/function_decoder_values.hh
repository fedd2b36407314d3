// The template half of FunctionDecoder, second part: locals, globals, constants, references, memories and tables. Included by
// function_decoder.hh only.
#pragma once

#include "nacre/engine/wasm/function_decoder.hh"

namespace nacre::wasm {

// ---- Values -------------------------------------------------------------------------------------

template <class Sink>
void FunctionDecoder::on_select(Sink& sink, bool typed) {
  const ValType annotated = typed ? read_select_type() : ValType::Bottom;
  pop(ValType::I32);
  if (typed) {
    pop(annotated);
    pop(annotated);
    push(annotated);
    if (live_) sink.on_select(annotated);
    return;
  }
  const ValType second = pop_any();
  const ValType first = pop_any();
  const ValType type = first == ValType::Bottom ? second : first;
  if (is_reference(first) || is_reference(second)) return untyped_select_of_reference();
  if (type != second && second != ValType::Bottom) return type_mismatch(first, second);
  push(type);
  if (live_) sink.on_select(type);
}

template <class Sink>
[[gnu::always_inline]] inline void FunctionDecoder::on_local_get(Sink& sink) {
  const uint32_t index = read_u32();
  if (index >= local_count_) [[unlikely]]
    return unknown_index("local", index);
  const ValType type = local_types_[index];
  push(type);
  if (live_) sink.on_local_get(index, type);
}

template <class Sink>
[[gnu::always_inline]] inline void FunctionDecoder::on_local_set(Sink& sink) {
  const uint32_t index = read_u32();
  if (index >= local_count_) [[unlikely]]
    return unknown_index("local", index);
  const ValType type = local_types_[index];
  pop(type);
  if (live_) sink.on_local_set(index, type);
}

template <class Sink>
[[gnu::always_inline]] inline void FunctionDecoder::on_local_tee(Sink& sink) {
  const uint32_t index = read_u32();
  if (index >= local_count_) [[unlikely]]
    return unknown_index("local", index);
  const ValType type = local_types_[index];
  pop(type);
  push(type);
  if (live_) sink.on_local_tee(index, type);
}

template <class Sink>
void FunctionDecoder::on_global(Sink& sink, OpClass op_class) {
  const uint32_t index = read_u32();
  if (index >= module_.globals.size()) return unknown_index("global", index);
  const GlobalType& global = module_.globals[index].type;
  if (op_class == OpClass::GlobalGet) {
    push(global.type);
    if (live_) sink.on_global_get(index, global.type);
    return;
  }
  if (!global.is_mutable) return immutable_global(index);
  pop(global.type);
  if (live_) sink.on_global_set(index, global.type);
}

template <class Sink>
[[gnu::always_inline]] inline void FunctionDecoder::on_const(Sink& sink, Immediates immediates) {
  if (immediates != Immediates::I32) return on_wide_const(sink, immediates);
  const auto bits = static_cast<uint64_t>(read_signed(32));
  push(ValType::I32);
  if (live_) sink.on_const(ValType::I32, bits);
}

template <class Sink>
void FunctionDecoder::on_wide_const(Sink& sink, Immediates immediates) {
  ValType type = ValType::I64;
  uint64_t bits = 0;
  if (immediates == Immediates::I64) {
    bits = static_cast<uint64_t>(read_signed(64));
  } else if (immediates == Immediates::F32) {
    type = ValType::F32;
    bits = read_fixed(4);
  } else {
    type = ValType::F64;
    bits = read_fixed(8);
  }
  push(type);
  if (live_) sink.on_const(type, bits);
}

template <class Sink>
void FunctionDecoder::on_reference(Sink& sink, Opcode opcode) {
  switch (opcode) {
    case Opcode::RefNull: {
      const ValType type = read_reference_type();
      push(type);
      if (live_) sink.on_ref_null(type);
      return;
    }
    case Opcode::RefIsNull: {
      const ValType type = pop_any();
      if (type != ValType::Bottom && !is_reference(type)) return reference_expected(type);
      push(ValType::I32);
      if (live_) sink.on_ref_is_null(type);
      return;
    }
    default: {
      const uint32_t function = read_u32();
      require_declared_function(function);
      push(ValType::FuncRef);
      if (live_) sink.on_ref_func(function);
      return;
    }
  }
}

// ---- Memory and tables --------------------------------------------------------------------------

template <class Sink>
void FunctionDecoder::on_memory(Sink& sink, Opcode opcode) {
  // The segment index comes before the memory index.
  const bool has_segment = opcode == Opcode::MemoryInit || opcode == Opcode::DataDrop;
  const uint32_t segment = has_segment ? read_u32() : 0;
  if (opcode != Opcode::DataDrop) require_memory();
  if (opcode == Opcode::MemoryCopy) require_memory();
  if (has_segment) require_data_segment(segment);
  switch (opcode) {
    case Opcode::MemorySize:
      break;
    case Opcode::DataDrop:
      break;
    case Opcode::MemoryGrow:
      pop(ValType::I32);
      break;
    default:
      pop(ValType::I32);
      pop(ValType::I32);
      pop(ValType::I32);
      break;
  }
  if (opcode == Opcode::MemorySize || opcode == Opcode::MemoryGrow) push(ValType::I32);
  if (!live_) return;
  switch (opcode) {
    case Opcode::MemorySize:
      return sink.on_memory_size();
    case Opcode::MemoryGrow:
      return sink.on_memory_grow();
    case Opcode::MemoryCopy:
      return sink.on_memory_copy();
    case Opcode::MemoryFill:
      return sink.on_memory_fill();
    case Opcode::MemoryInit:
      return sink.on_memory_init(segment);
    default:
      return sink.on_data_drop(segment);
  }
}

template <class Sink>
void FunctionDecoder::on_table(Sink& sink, Opcode opcode) {
  const TableOperands operands = read_table_operands(opcode);
  if (failed_) return;
  const ValType element = operands.element;
  switch (opcode) {
    case Opcode::TableGet:
      pop(ValType::I32);
      push(element);
      if (live_) sink.on_table_get(operands.table);
      return;
    case Opcode::TableSet:
      pop(element);
      pop(ValType::I32);
      if (live_) sink.on_table_set(operands.table);
      return;
    case Opcode::TableSize:
      push(ValType::I32);
      if (live_) sink.on_table_size(operands.table);
      return;
    case Opcode::TableGrow:
      pop(ValType::I32);
      pop(element);
      push(ValType::I32);
      if (live_) sink.on_table_grow(operands.table);
      return;
    case Opcode::TableFill:
      pop(ValType::I32);
      pop(element);
      pop(ValType::I32);
      if (live_) sink.on_table_fill(operands.table);
      return;
    case Opcode::ElemDrop:
      if (live_) sink.on_elem_drop(operands.source);
      return;
    default:
      break;
  }
  pop(ValType::I32);
  pop(ValType::I32);
  pop(ValType::I32);
  if (!live_) return;
  if (opcode == Opcode::TableCopy) {
    sink.on_table_copy(operands.table, operands.source);
  } else {
    sink.on_table_init(operands.table, operands.source);
  }
}

}  // namespace nacre::wasm
