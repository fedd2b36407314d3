// Blocks, branches and br_table. The rules that make control flow simple are at the head of function_compiler.hh.
#include <algorithm>

#include "function_compiler.hh"

namespace nacre::baseline {

using riscv64::kScratch;
using wasm::ControlFrame;

void FunctionCompiler::push_block(uint32_t parameters) {
  blocks_.push_back({.label = {}, .else_label = {}, .height = height() - parameters});
}

// ---- Blocks ------------------------------------------------------------------------------------

void FunctionCompiler::on_block(const ControlFrame& frame) {
  masm_.checkpoint();
  flush_all();
  push_block(static_cast<uint32_t>(frame.params.size()));
}

void FunctionCompiler::on_loop(const ControlFrame& frame) {
  masm_.checkpoint();
  const auto parameters = static_cast<uint32_t>(frame.params.size());
  flush_with_parameters(parameters);
  push_block(parameters);
  forget_addresses();
  masm_.bind(blocks_.back().label);
}

void FunctionCompiler::on_if(const ControlFrame& frame) {
  masm_.checkpoint();
  const Value condition = simplified_condition(pop());
  const auto parameters = static_cast<uint32_t>(frame.params.size());
  flush_with_parameters(parameters);
  push_block(parameters);
  branch_if(condition, false, blocks_.back().else_label);
}

void FunctionCompiler::on_else(const ControlFrame& frame, bool then_live) {
  masm_.checkpoint();
  const uint32_t base = blocks_.back().height;
  if (then_live) {
    transfer_results(frame, base);
    masm_.jump(blocks_.back().label);
  }
  shrink_stack(base);
  forget_addresses();
  masm_.bind(blocks_.back().else_label);
  for (const ValType type : frame.params) push(Value::spilled(type, height()));
}

void FunctionCompiler::on_end(const ControlFrame& frame, bool fallthrough_live, bool live_after) {
  masm_.checkpoint();
  if (frame.kind == ControlFrame::Kind::Function) return end_function(frame, fallthrough_live);
  Block& block = blocks_.back();
  const uint32_t base = block.height;
  const bool is_loop = frame.kind == ControlFrame::Kind::Loop;
  const bool is_if = frame.kind == ControlFrame::Kind::If;
  // The sink's own jumps count too: the end of a then-part.
  const bool joins = !is_loop && (frame.is_target || block.label.is_used() || is_if);
  if (!joins) {
    // What the block left on the stack stays as it is, if anything goes on here.
    if (!fallthrough_live) shrink_stack(base);
    blocks_.pop_back();
    return;
  }
  if (fallthrough_live) transfer_results(frame, base);
  if (is_if) {
    end_one_armed_if(block, frame, fallthrough_live);
  }
  shrink_stack(base);
  forget_addresses();
  masm_.bind(block.label);
  blocks_.pop_back();
  if (live_after) push_merged(frame.results);
}

// An if without else has the same results as parameters; if the condition is false, they lie in their slots.
void FunctionCompiler::end_one_armed_if(Block& block, const ControlFrame& frame, bool then_live) {
  if (frame.results.size() != 1) {
    // None, or several in the same slots.
    masm_.bind(block.else_label);
    return;
  }
  if (then_live) masm_.jump(block.label);
  masm_.bind(block.else_label);
  load_from_frame(merge_register(frame.results[0]), frame.results[0], spill_offset(block.height));
}

void FunctionCompiler::push_merged(std::span<const ValType> types) {
  if (types.size() == 1) {
    const Reg r = merge_register(types[0]);
    allocate_exactly(r);
    return push_register(types[0], r);
  }
  for (const ValType type : types) push(Value::spilled(type, height()));
}

void FunctionCompiler::end_function(const ControlFrame& frame, bool fallthrough_live) {
  if (fallthrough_live) {
    simplify_top(static_cast<uint32_t>(frame.results.size()));
    ensure_spare();
    transfer_to_caller(frame.results);
  }
  shrink_stack(0);
  forget_addresses();
  finish_frame(fallthrough_live);
  blocks_.clear();
}

// ---- Carrying values to a label ----------------------------------------------------------------

void FunctionCompiler::transfer_results(const ControlFrame& frame, uint32_t base) {
  const size_t count = frame.results.size();
  if (count == 0) return;
  if (count == 1) {
    // The stack is given up right after, so the value may be consumed.
    return move_consumed_top(merge_register(frame.results[0]));
  }
  simplify_top(static_cast<uint32_t>(count));
  ensure_spare();
  transfer_to_slots(base, count);
}

// The top value goes to `to`, which nothing else that matters occupies; its entry is left as a constant.
void FunctionCompiler::move_consumed_top(Reg to) {
  const Value value = pop();
  move_into(value, to);
  push(Value::constant(value.type, 0));
}

bool FunctionCompiler::is_transfer_trivial(uint32_t depth) {
  const std::span<const ValType> types = decoder_.control(depth).label_types();
  if (types.empty()) return true;
  const bool to_caller = depth + 1 == blocks_.size();
  if (types.size() != 1 || to_caller || decoder_.control(depth).kind == ControlFrame::Kind::Loop)
    return false;
  const Value& top = stack_.back();
  return top.is_register() && top.pending == Pending::None && top.reg == merge_register(types[0]);
}

void FunctionCompiler::transfer(uint32_t depth) {
  const ControlFrame& frame = decoder_.control(depth);
  const std::span<const ValType> types = frame.label_types();
  if (types.empty()) return;
  if (depth + 1 == blocks_.size()) return transfer_to_caller(types);
  if (types.size() == 1 && frame.kind != ControlFrame::Kind::Loop) {
    return emit_move({.value = stack_.back(), .to = merge_register(types[0])});
  }
  transfer_to_slots(block_at(depth).height, types.size());
}

// Slots are never above where the values are, so in ascending order none is overwritten before it is read.
void FunctionCompiler::transfer_to_slots(uint32_t base, size_t count) {
  const uint32_t first = height() - static_cast<uint32_t>(count);
  for (uint32_t i = 0; i < count; ++i) {
    masm_.checkpoint();
    const Value& value = stack_[first + i];
    const uint32_t target = spill_offset(base + i);
    if (value.is_register()) {
      store_to_frame(value.reg, target);
    } else if (value.is_constant(0)) {
      store_to_frame(kZero, target);
    } else if (value.is_constant() || static_cast<uint32_t>(value.bits) != base + i) {
      copy_to_frame(value, target);
    }
  }
}

// A constant or spilled value, without touching any register in use.
void FunctionCompiler::copy_to_frame(const Value& value, uint32_t offset) {
  const Reg r = allocate_integer();
  if (value.is_constant()) {
    load_constant(r, ValType::I64, value.bits);
  } else {
    load_from_frame(r, ValType::I64, spill_offset(static_cast<uint32_t>(value.bits)));
  }
  store_to_frame(r, offset);
  release(r);
}

// Results on the stack first: that needs registers; then all those in registers at once.
void FunctionCompiler::transfer_to_caller(std::span<const ValType> results) {
  if (results.empty()) return;
  const wasm::FuncType& type = decoder_.function_type();
  auto parameters = wasm::LocationAssigner::for_params();
  for (const ValType t : type.params) (void)parameters.next(t);
  auto assigner = wasm::LocationAssigner::for_results(parameters.stack_slots());
  const uint32_t first = height() - static_cast<uint32_t>(results.size());
  moves_.clear();
  for (uint32_t i = 0; i < results.size(); ++i) {
    const wasm::ValueLocation location = assigner.next(results[i]);
    const Value& value = stack_[first + i];
    if (location.kind == wasm::ValueLocation::Kind::Stack) {
      store_to_caller(value, 8 * location.index);
    } else {
      moves_.push_back({.value = value, .to = register_at(location)});
    }
  }
  if (moves_.size() == 1 && results.size() == 1) {
    const Value& value = moves_[0].value;
    if (value.is_register() && value.reg != moves_[0].to && pool_.is_sole_temporary(value.reg) &&
        try_retarget(value.reg, moves_[0].to)) {
      return;
    }
  }
  move_parallel(moves_);
}

void FunctionCompiler::store_to_caller(Value value, uint32_t offset) {
  masm_.checkpoint();
  Reg r = value.reg;
  Reg owned = kNoReg;
  if (!value.is_register()) {
    owned = r = allocate_integer();
    if (value.is_constant()) {
      load_constant(r, ValType::I64, value.bits);
    } else {
      load_from_frame(r, ValType::I64, spill_offset(static_cast<uint32_t>(value.bits)));
    }
  }
  load_incoming_address(kScratch, offset);
  if (is_fpr(r)) {
    masm_.fsd(fpr(r), 0, kScratch);
  } else {
    masm_.sd(gpr(r), 0, kScratch);
  }
  if (owned != kNoReg) release(owned);
}

// ---- Branches ----------------------------------------------------------------------------------

// Transfers take at most one temporary at a time, and must not evict anything for it: they may be jumped over, and the
// slots of what is dropped are being overwritten.
void FunctionCompiler::ensure_spare() {
  if (pool_.free_in(kIntegers) == 0) release(allocate_integer());
}

// A condition that can be tested after a flush: its registers are its own or pinned.
Value FunctionCompiler::simplified_condition(const Value& condition) {
  return condition.is_compare() ? condition : simplified(condition);
}

void FunctionCompiler::branch_if(const Value& condition, bool sense, Label& label) {
  if (condition.is_constant()) {
    if ((static_cast<int32_t>(condition.bits) != 0) == sense) masm_.jump(label);
    return;
  }
  if (!condition.is_compare()) {
    const Reg r = use(condition);
    masm_.branch(sense ? Condition::Ne : Condition::Eq, gpr(r), Gpr::Zero, label);
    return release(r);
  }
  const Condition c = sense ? condition.condition : riscv64::inverted(condition.condition);
  if (condition.other == kNoReg) {
    const Reg constant = use(Value::constant(ValType::I64, condition.bits));
    masm_.branch(c, gpr(condition.reg), gpr(constant), label);
    release(constant);
  } else {
    masm_.branch(c, gpr(condition.reg), gpr(condition.other), label);
  }
  release(condition);
}

void FunctionCompiler::on_br(uint32_t depth) {
  masm_.checkpoint();
  const auto count = static_cast<uint32_t>(decoder_.control(depth).label_types().size());
  if (count == 1 && depth + 1 != blocks_.size() &&
      decoder_.control(depth).kind != ControlFrame::Kind::Loop) {
    move_consumed_top(merge_register(decoder_.control(depth).label_types()[0]));
  } else {
    simplify_top(count);
    ensure_spare();
    transfer(depth);
  }
  if (depth + 1 == blocks_.size()) return emit_return();
  masm_.jump(block_at(depth).label);
}

void FunctionCompiler::on_br_if(uint32_t depth) {
  masm_.checkpoint();
  const Value condition = simplified_condition(pop());
  const bool leaves = depth + 1 == blocks_.size();
  const auto count = static_cast<uint32_t>(decoder_.control(depth).label_types().size());
  simplify_top(count);
  if (is_transfer_trivial(depth) && (!leaves || frame_needed_)) {
    return branch_if(condition, true, block_at(depth).label);
  }
  ensure_spare();
  Label skip;
  branch_if(condition, false, skip);
  masm_.barrier();
  transfer(depth);
  if (leaves) {
    emit_return();
  } else {
    masm_.jump(block_at(depth).label);
  }
  masm_.bind(skip);
}

void FunctionCompiler::on_return() {
  on_br(static_cast<uint32_t>(blocks_.size()) - 1);
}

void FunctionCompiler::on_unreachable() {
  masm_.checkpoint();
  masm_.trap(TrapKind::Unreachable, decoder_.offset());
}

// ---- br_table ----------------------------------------------------------------------------------

namespace {
// Up to this many targets are compared one by one.
constexpr size_t kLongestChain = 3;
// Entries of one table of jumps.
constexpr size_t kLongestTable = 1 << 14;
}  // namespace

void FunctionCompiler::on_br_table(std::span<const uint32_t> depths) {
  masm_.checkpoint();
  const Reg index = use(pop());
  const auto count = static_cast<uint32_t>(decoder_.control(depths.back()).label_types().size());
  simplify_top(count);
  ensure_spare();
  ++table_epoch_;
  stub_labels_.clear();
  stub_depths_.clear();
  if (table_stubs_.size() < blocks_.size()) table_stubs_.resize(blocks_.size());
  // All stubs' labels must exist before pointers to them are taken.
  for (const uint32_t depth : depths) {
    note_stub(depth);
    pauses_.did(1);
  }
  if (depths.size() - 1 <= kLongestChain) {
    branch_chain(index, depths);
  } else {
    branch_by_tables(index, depths);
  }
  release(index);
  for (size_t i = 0; i < stub_depths_.size(); ++i) {
    masm_.checkpoint();
    masm_.bind(stub_labels_[i]);
    transfer(stub_depths_[i]);
    if (stub_depths_[i] + 1 == blocks_.size()) {
      emit_return();
    } else {
      masm_.jump(block_at(stub_depths_[i]).label);
    }
  }
}

void FunctionCompiler::branch_chain(Reg index, std::span<const uint32_t> depths) {
  for (size_t i = 0; i + 1 < depths.size(); ++i) {
    Gpr number = Gpr::Zero;
    if (i != 0) {
      number = kScratch;
      masm_.li(kScratch, static_cast<int64_t>(i));
    }
    masm_.branch(Condition::Eq, gpr(index), number, table_target(depths[i]));
  }
  masm_.jump(table_target(depths.back()));
}

// Tables of jumps. A long one is cut, as no island can be put into it for the branches that lie before.
void FunctionCompiler::branch_by_tables(Reg index, std::span<const uint32_t> depths) {
  const size_t entries = depths.size() - 1;
  const Reg rest = allocate_integer();
  for (size_t first = 0; first < entries; first += kLongestTable) {
    const size_t count = std::min(entries - first, kLongestTable);
    pauses_.did(static_cast<uint32_t>(count));
    const bool is_last = first + count == entries;
    masm_.checkpoint_for(static_cast<uint32_t>(4 * count + 64));
    Label inside;
    Label beyond;
    masm_.li(kScratch, static_cast<int64_t>(first + count));
    // A branch would not reach over a table of more than 4 KiB.
    if (is_last && count < 512) {
      masm_.branch(Condition::GeU, gpr(index), kScratch, table_target(depths.back()));
    } else {
      masm_.branch(Condition::LtU, gpr(index), kScratch, inside);
      masm_.jump(is_last ? table_target(depths.back()) : beyond);
      masm_.bind(inside);
    }
    table_labels_.clear();
    for (const uint32_t depth : depths.subspan(first, count))
      table_labels_.push_back(&table_target(depth));
    if (first == 0) {
      masm_.jump_table(gpr(index), table_labels_);
    } else {
      masm_.add_imm(gpr(rest), gpr(index), -static_cast<int64_t>(first));
      masm_.jump_table(gpr(rest), table_labels_);
    }
    masm_.bind(beyond);
  }
  release(rest);
}

// A target that values must be moved for, or that leaves a function without a frame, gets code of its own, once.
void FunctionCompiler::note_stub(uint32_t depth) {
  const bool leaves = depth + 1 == blocks_.size();
  if (is_transfer_trivial(depth) && (!leaves || frame_needed_)) return;
  TableStub& stub = table_stubs_[depth];
  if (stub.epoch == table_epoch_) return;
  stub = {.epoch = table_epoch_, .index = static_cast<uint32_t>(stub_labels_.size())};
  stub_labels_.emplace_back();
  stub_depths_.push_back(depth);
}

Label& FunctionCompiler::table_target(uint32_t depth) {
  const TableStub& stub = table_stubs_[depth];
  return stub.epoch == table_epoch_ ? stub_labels_[stub.index] : block_at(depth).label;
}

}  // namespace nacre::baseline
