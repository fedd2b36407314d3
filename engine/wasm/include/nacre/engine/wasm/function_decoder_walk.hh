// The template half of FunctionDecoder: the walk and the handlers of control instructions; function_decoder_values.hh has
// those that work on values. Included by function_decoder.hh only; failures and other cold paths are in function_decoder.cc.
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
      const uint8_t* const start = pc_;
      const uint8_t* const stretch_end = start + std::min<ptrdiff_t>(kStretch, end_ - start);
      while (pc_ < stretch_end) {
        instruction_ = pc_;
        const uint8_t byte = *pc_++;
        step(sink, info_of_byte(byte), byte);
      }
      pauses_.did(static_cast<uint32_t>(pc_ - start));
    }
    if (!control_.empty()) unclosed_body();
  }
  if (error_) return std::unexpected(*std::exchange(error_, std::nullopt));
  return {};
}

// The hot part of the walk: inlined into decode(), with the handlers of the most frequent instructions.
template <class Sink>
[[gnu::always_inline]] inline void FunctionDecoder::step(Sink& sink, OpcodeInfo info,
                                                         uint16_t code) {
  const auto opcode = static_cast<Opcode>(code);
  __builtin_assume(info.op_class <= OpClass::Convert);  // the last one; spares the switch a check
  switch (info.op_class) {
    case OpClass::LocalGet:
      return on_local_get(sink);
    case OpClass::LocalSet:
      return on_local_set(sink);
    case OpClass::LocalTee:
      return on_local_tee(sink);
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

// ---- Control ------------------------------------------------------------------------------------

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

}  // namespace nacre::wasm
