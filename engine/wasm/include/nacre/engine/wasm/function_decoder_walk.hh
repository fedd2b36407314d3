// The template half of FunctionDecoder: the walk, and one handler for each class of instructions.
// Included by function_decoder.hh only; failures and other cold paths are in function_decoder.cc.
//
// A handler reads the immediates, checks and updates the stacks, and then, if the code is live,
// calls the sink. A failure clears live_, so no sink call follows it.
#pragma once

#include "nacre/engine/wasm/function_decoder.hh"

namespace nacre::wasm {

template <class Sink>
Result<void> FunctionDecoder::decode(uint32_t function, Sink& sink) {
  if (begin(function)) {
    sink.on_function_begin();
    while (pc_ != end_) {
      instruction_ = pc_;
      const uint8_t byte = *pc_++;
      step(sink, info_of_byte(byte), byte);
    }
    if (!control_.empty()) unclosed_body();
  }
  if (error_) return std::unexpected(*std::exchange(error_, std::nullopt));
  return {};
}

template <class Sink>
inline void FunctionDecoder::step(Sink& sink, OpcodeInfo info, uint16_t code) {
  const auto opcode = static_cast<Opcode>(code);
  switch (info.op_class) {
    case OpClass::LocalGet:
    case OpClass::LocalSet:
    case OpClass::LocalTee:
      return on_local(sink, info.op_class);
    case OpClass::Const:
      return on_const(sink, info.immediates);
    case OpClass::Binary:
      pop_push_two(info);
      if (live_) sink.on_binary(opcode);
      return;
    case OpClass::Compare:
      pop_push_two(info);
      if (live_) sink.on_compare(opcode);
      return;
    case OpClass::Unary:
      pop_push_one(info);
      if (live_) sink.on_unary(opcode);
      return;
    case OpClass::Test:
      pop_push_one(info);
      if (live_) sink.on_test(opcode);
      return;
    case OpClass::Convert:
      pop_push_one(info);
      if (live_) sink.on_convert(opcode);
      return;
    case OpClass::Load: {
      const MemArg memarg = read_memarg(info);
      pop_push_one(info);
      if (live_) sink.on_load(opcode, memarg);
      return;
    }
    case OpClass::Store: {
      const MemArg memarg = read_memarg(info);
      pop(info.second);
      pop(info.first);
      if (live_) sink.on_store(opcode, memarg);
      return;
    }
    case OpClass::Br:
    case OpClass::BrIf:
      return on_branch(sink, info.op_class);
    case OpClass::Block:
      return open_block(sink, ControlFrame::Kind::Block);
    case OpClass::Loop:
      return open_block(sink, ControlFrame::Kind::Loop);
    case OpClass::If:
      return open_block(sink, ControlFrame::Kind::If);
    case OpClass::Else:
      return on_else(sink);
    case OpClass::End:
      return on_end(sink);
    default:
      return step_rare(sink, info.op_class, code);
  }
}

template <class Sink>
void FunctionDecoder::step_rare(Sink& sink, OpClass op_class, uint16_t code) {
  const auto opcode = static_cast<Opcode>(code);
  switch (op_class) {
    case OpClass::Nop:
      return;
    case OpClass::Unreachable:
      if (live_) sink.on_unreachable();
      return become_unreachable();
    case OpClass::Return:
      pop_all(control_.front().results);
      push_all(control_.front().results);
      if (live_) sink.on_return();
      return become_unreachable();
    case OpClass::BrTable:
      return on_br_table(sink);
    case OpClass::Call:
    case OpClass::CallIndirect:
      return on_call(sink, op_class);
    case OpClass::Drop: {
      const ValType type = pop_any();
      if (live_) sink.on_drop(type);
      return;
    }
    case OpClass::Select:
    case OpClass::SelectTyped:
      return on_select(sink, op_class == OpClass::SelectTyped);
    case OpClass::GlobalGet:
    case OpClass::GlobalSet:
      return on_global(sink, op_class);
    case OpClass::Table:
      return on_table(sink, opcode);
    case OpClass::Memory:
      return on_memory(sink, opcode);
    case OpClass::Reference:
      return on_reference(sink, opcode);
    case OpClass::Prefix:
      return step_prefixed(sink);
    default:
      return unknown_opcode(static_cast<uint8_t>(code));
  }
}

template <class Sink>
void FunctionDecoder::step_prefixed(Sink& sink) {
  const uint32_t number = read_u32();
  if (failed_) return;
  if (number >= kPrefixedOpcodes) return unknown_prefixed(number);
  const OpcodeInfo info = info_of_prefixed(number);
  const auto opcode = static_cast<Opcode>(0xfc00 + number);
  if (info.op_class == OpClass::Convert) {
    pop_push_one(info);
    if (live_) sink.on_convert(opcode);
    return;
  }
  if (info.op_class == OpClass::Memory) return on_memory(sink, opcode);
  on_table(sink, opcode);
}

// ---- Control
// ------------------------------------------------------------------------------------------------------

template <class Sink>
void FunctionDecoder::open_block(Sink& sink, ControlFrame::Kind kind) {
  const BlockSignature signature = read_block_type();
  if (kind == ControlFrame::Kind::If) pop(ValType::I32);
  if (!signature.params.empty()) pop_all(signature.params);
  push_frame(kind, signature);
  if (!signature.params.empty()) push_all(signature.params);
  if (!live_) return;
  if (kind == ControlFrame::Kind::Block) sink.on_block(control_.back());
  if (kind == ControlFrame::Kind::Loop) sink.on_loop(control_.back());
  if (kind == ControlFrame::Kind::If) sink.on_if(control_.back());
}

template <class Sink>
void FunctionDecoder::on_else(Sink& sink) {
  ControlFrame& frame = control_.back();
  if (frame.kind != ControlFrame::Kind::If) return unexpected_else();
  check_frame_end();
  if (failed_) return;
  frame.kind = ControlFrame::Kind::Else;
  frame.polymorphic = false;
  push_all(frame.params);
  if (frame.was_live) sink.on_else(frame, live_);
  // The end of the then-part jumps to the end of the frame.
  if (live_) frame.is_target = true;
  live_ = frame.was_live;
}

template <class Sink>
void FunctionDecoder::on_end(Sink& sink) {
  check_frame_end();
  const ControlFrame& frame = control_.back();
  if (frame.kind == ControlFrame::Kind::If) check_one_armed_if();
  if (failed_) return;
  push_all(frame.results);
  const bool jumped_over = frame.kind == ControlFrame::Kind::If && frame.was_live;
  const bool jumped_to = frame.is_target && frame.kind != ControlFrame::Kind::Loop;
  const bool live_after = live_ || jumped_over || jumped_to;
  if (frame.was_live) sink.on_end(frame, live_, live_after);
  live_ = live_after;
  control_.pop_back();
  if (control_.empty()) return finish();
  base_ = stack_.get() + control_.back().height;
}

template <class Sink>
void FunctionDecoder::on_branch(Sink& sink, OpClass op_class) {
  const uint32_t depth = read_u32();
  if (op_class == OpClass::BrIf) pop(ValType::I32);
  if (depth >= control_.size()) return unknown_index("label", depth);
  ControlFrame& target = control_[control_.size() - 1 - depth];
  const std::span<const ValType> types = target.label_types();
  if (!types.empty()) {
    pop_all(types);
    push_all(types);
  }
  if (live_) {
    target.is_target = true;
    if (op_class == OpClass::BrIf) {
      sink.on_br_if(depth);
    } else {
      sink.on_br(depth);
    }
  }
  if (op_class == OpClass::Br) become_unreachable();
}

template <class Sink>
void FunctionDecoder::on_br_table(Sink& sink) {
  pop(ValType::I32);
  read_branch_targets();
  if (live_) {
    for (const uint32_t depth : targets_) control_[control_.size() - 1 - depth].is_target = true;
    sink.on_br_table(targets_);
  }
  become_unreachable();
}

template <class Sink>
void FunctionDecoder::on_call(Sink& sink, OpClass op_class) {
  const uint32_t index = read_u32();
  if (op_class == OpClass::Call) {
    if (index >= module_.functions.size()) return unknown_index("function", index);
    const FuncType& type = module_.type_of_function(index);
    pop_all(type.params);
    push_all(type.results);
    if (live_) sink.on_call(index, type);
    return;
  }
  const uint32_t table = read_table_index();
  if (index >= module_.types.size()) return unknown_index("type", index);
  if (failed_) return;
  if (module_.tables[table].element != ValType::FuncRef) {
    return type_mismatch(ValType::FuncRef, module_.tables[table].element);
  }
  const FuncType& type = module_.types[index];
  pop(ValType::I32);
  pop_all(type.params);
  push_all(type.results);
  if (live_) sink.on_call_indirect(index, table, type);
}

// ---- Values
// -------------------------------------------------------------------------------------------------------

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
inline void FunctionDecoder::on_local(Sink& sink, OpClass op_class) {
  const uint32_t index = read_u32();
  if (index >= locals_.size()) [[unlikely]]
    return unknown_index("local", index);
  const ValType type = locals_[index];
  if (op_class == OpClass::LocalGet) {
    push(type);
    if (live_) sink.on_local_get(index, type);
    return;
  }
  pop(type);
  if (op_class == OpClass::LocalSet) {
    if (live_) sink.on_local_set(index, type);
    return;
  }
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
inline void FunctionDecoder::on_const(Sink& sink, Immediates immediates) {
  ValType type = ValType::I32;
  uint64_t bits = 0;
  switch (immediates) {
    case Immediates::I32:
      bits = static_cast<uint64_t>(read_signed(32));
      break;
    case Immediates::I64:
      type = ValType::I64;
      bits = static_cast<uint64_t>(read_signed(64));
      break;
    case Immediates::F32:
      type = ValType::F32;
      bits = read_fixed(4);
      break;
    default:
      type = ValType::F64;
      bits = read_fixed(8);
      break;
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

// ---- Memory and tables
// --------------------------------------------------------------------------------------------

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
