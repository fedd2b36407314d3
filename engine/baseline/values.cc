// The value stack: getting operands into registers, putting them aside, and the locals that they may refer to.
#include <algorithm>

#include "function_compiler.hh"

namespace nacre::baseline {

using riscv64::kScratch;
namespace op = riscv64::op;

// ---- Registers ---------------------------------------------------------------------------------

void FunctionCompiler::note_shrunk() {
  evicted_ = height();
  flushed_ = std::min(flushed_, evicted_);
}

bool FunctionCompiler::is_volatile(const Value& value) const {
  if (!value.is_register() && !value.is_compare()) return false;
  const RegSet named = bit(value.reg) | (value.other != kNoReg ? bit(value.other) : 0);
  return (named & volatile_) != 0;
}

// No temporary of the file is free: first give up a remembered address, then put the deepest temporaries into memory.
Reg FunctionCompiler::allocate_slow(RegSet file) {
  const RegSet addresses = pool_.addresses() & file;
  if (addresses != 0) {
    const Reg victim = addresses_.victim(addresses);
    addresses_.forget_holder(pool_, victim);
    pool_.take(victim);
    return victim;
  }
  while (pool_.free_in(file) == 0) {
    // Handlers hold at most a few registers besides the stack's, so the search ends.
    ASSERT(evicted_ < height());
    const uint32_t position = evicted_++;
    if (is_volatile(stack_[position])) spill(position);
  }
  const Reg r = lowest(pool_.free_in(file));
  pool_.take(r);
  return r;
}

void FunctionCompiler::allocate_exactly(Reg r) {
  if ((pool_.addresses() & bit(r)) != 0) addresses_.forget_holder(pool_, r);
  pool_.take(r);
}

void FunctionCompiler::release(const Value& value) {
  if (value.is_register()) {
    pool_.release(value.reg);
  } else if (value.is_compare()) {
    pool_.release(value.reg);
    if (value.other != kNoReg) pool_.release(value.other);
  }
}

// ---- Values into registers ---------------------------------------------------------------------

Reg FunctionCompiler::use_slow(const Value& value) {
  switch (value.kind) {
    case Value::Kind::Constant: {
      if (value.bits == 0 && !wasm::is_float(value.type)) {
        pool_.retain(kZero);
        return kZero;
      }
      if (const Reg pinned = find_constant(value.type, value.bits); pinned != kNoReg) {
        pool_.retain(pinned);
        return pinned;
      }
      const Reg r = allocate(value.type);
      emit_constant(r, value.type, value.bits);
      return r;
    }
    case Value::Kind::Spilled: {
      const Reg r = allocate(value.type);
      load_from_frame(r, value.type, spill_offset(static_cast<uint32_t>(value.bits)));
      return r;
    }
    case Value::Kind::Compare: {
      Reg r = kNoReg;
      if (pool_.is_sole_temporary(value.reg)) {
        r = value.reg;
      } else if (value.other != kNoReg && pool_.is_sole_temporary(value.other)) {
        r = value.other;
      } else {
        r = allocate_integer();
        materialize_compare(r, value);
        release(value);
        return r;
      }
      materialize_compare(r, value);
      pool_.retain(r);
      release(value);
      return r;
    }
    case Value::Kind::Register:
      break;
  }
  if (value.pending == Pending::None) return value.reg;
  if (pool_.is_sole_temporary(value.reg)) {
    apply_pending(value.reg, value);
    return value.reg;
  }
  const Reg r = allocate_integer();
  apply_pending(r, value);
  pool_.release(value.reg);
  return r;
}

Value FunctionCompiler::simplified(const Value& value) {
  if (value.is_simple()) return value;
  return Value::in_register(value.type, use(value));
}

void FunctionCompiler::simplify_top(uint32_t count) {
  for (uint32_t position = height() - count; position < height(); ++position) {
    const Value value = stack_[position];
    if (value.is_simple()) continue;
    // Out of sight while registers are allocated, lest it be evicted meanwhile.
    stack_[position] = Value::constant(value.type, 0);
    stack_[position] = simplified(value);
    evicted_ = std::min(evicted_, position);
    flushed_ = std::min(flushed_, position);
  }
}

void FunctionCompiler::move_into(const Value& value, Reg to) {
  switch (value.kind) {
    case Value::Kind::Constant:
      return load_constant(to, value.type, value.bits);
    case Value::Kind::Spilled:
      return load_from_frame(to, value.type, spill_offset(static_cast<uint32_t>(value.bits)));
    case Value::Kind::Compare:
      materialize_compare(to, value);
      return release(value);
    case Value::Kind::Register:
      break;
  }
  if (value.pending != Pending::None) {
    apply_pending(to, value);
  } else if (value.reg != to) {
    if (!pool_.is_sole_temporary(value.reg) || !try_retarget(value.reg, to)) {
      move_register(to, value.reg, value.type);
    }
  }
  pool_.release(value.reg);
}

bool FunctionCompiler::try_retarget(Reg from, Reg to) {
  return is_fpr(from) ? masm_.try_retarget_last(fpr(from), fpr(to))
                      : masm_.try_retarget_last(gpr(from), gpr(to));
}

void FunctionCompiler::apply_pending(Reg to, const Value& value) {
  const Reg from = value.reg;
  switch (value.pending) {
    case Pending::None:
      return masm_.mv(gpr(to), gpr(from));
    case Pending::Narrow:
      return masm_.sext_w(gpr(to), gpr(from));
    case Pending::Widen:
      return masm_.zext_w(gpr(to), gpr(from));
    case Pending::Shift1:
    case Pending::Shift2:
    case Pending::Shift3:
      if (value.type == ValType::I32)
        return masm_.slliw(gpr(to), gpr(from), shift_of(value.pending));
      return masm_.slli(gpr(to), gpr(from), shift_of(value.pending));
    case Pending::WidenShift1:
    case Pending::WidenShift2:
    case Pending::WidenShift3:
      return masm_.slli_uw(gpr(to), gpr(from), shift_of(value.pending));
    case Pending::Plus:
      if (riscv64::fits_imm12(value.bits)) {
        return masm_.addiw(gpr(to), gpr(from), static_cast<int32_t>(value.bits));
      }
      masm_.li(kScratch, value.bits);
      return masm_.addw(gpr(to), gpr(from), kScratch);
  }
}

void FunctionCompiler::materialize_compare(Reg to, const Value& value) {
  if (value.other == kNoReg) {
    masm_.set_if_imm(value.condition, gpr(to), gpr(value.reg), value.bits);
  } else {
    masm_.set_if(value.condition, gpr(to), gpr(value.reg), gpr(value.other));
  }
}

Reg FunctionCompiler::find_constant(ValType type, int64_t bits) const {
  if (plan_.constants.empty()) return kNoReg;
  const auto kind = type == ValType::F32   ? PinnedConstant::Kind::Float32
                    : type == ValType::F64 ? PinnedConstant::Kind::Float64
                                           : PinnedConstant::Kind::Integer;
  return plan_.find_constant(kind, bits);
}

void FunctionCompiler::load_constant(Reg to, ValType type, int64_t bits) {
  if (const Reg pinned = find_constant(type, bits); pinned != kNoReg)
    return move_register(to, pinned, type);
  emit_constant(to, type, bits);
}

void FunctionCompiler::emit_constant(Reg to, ValType type, int64_t bits) {
  switch (type) {
    case ValType::F32: {
      const auto word = static_cast<int32_t>(bits);
      if (word == 0) return masm_.fmv_w_x(fpr(to), Gpr::Zero);
      if (masm_.li_cost(word) > 1)
        return constants_.load(masm_, op::flw, to, static_cast<uint64_t>(bits));
      masm_.li(kScratch, word);
      return masm_.fmv_w_x(fpr(to), kScratch);
    }
    case ValType::F64:
      if (bits == 0) return masm_.fmv_d_x(fpr(to), Gpr::Zero);
      return constants_.load(masm_, op::fld, to, static_cast<uint64_t>(bits));
    case ValType::I64:
      if (!riscv64::fits_imm32(bits) && masm_.li_cost(bits) > 2) {
        return constants_.load(masm_, op::ld, to, static_cast<uint64_t>(bits));
      }
      return masm_.li(gpr(to), bits);
    default:
      return masm_.li(gpr(to), bits);
  }
}

void FunctionCompiler::move_register(Reg to, Reg from, ValType type) {
  if (to == from) return;
  if (!is_fpr(to)) return masm_.mv(gpr(to), gpr(from));
  masm_.fmv(fpr(to), fpr(from), type == ValType::F32 ? FloatWidth::F32 : FloatWidth::F64);
}

// ---- Values into memory ------------------------------------------------------------------------

void FunctionCompiler::spill(uint32_t position) {
  const Value value = stack_[position];
  if (value.is_constant() || value.kind == Value::Kind::Spilled) return;
  stack_[position] = Value::spilled(value.type, position);
  const Reg r = use(value);
  store_to_frame(r, spill_offset(position));
  release(r);
}

void FunctionCompiler::flush_all() {
  for (uint32_t position = flushed_; position < height(); ++position) spill(position);
  flushed_ = evicted_ = height();
}

void FunctionCompiler::flush_with_parameters(uint32_t count) {
  for (uint32_t position = height() - count; position < height(); ++position) {
    const Value value = stack_[position];
    const bool in_place = value.kind == Value::Kind::Spilled && value.bits == position;
    if (in_place) continue;
    stack_[position] = Value::spilled(value.type, position);
    const Reg r = use(value);
    store_to_frame(r, spill_offset(position));
    release(r);
  }
  flush_all();
}

void FunctionCompiler::spill_volatile(uint32_t below) {
  for (uint32_t position = evicted_; position < below; ++position) {
    if (is_volatile(stack_[position])) spill(position);
  }
  evicted_ = std::max(evicted_, below);
}

void FunctionCompiler::shrink_stack(uint32_t new_height) {
  while (height() > new_height) release(pop());
}

// ---- Locals ------------------------------------------------------------------------------------

void FunctionCompiler::preserve(Reg pinned) {
  Reg copy = kNoReg;
  uint32_t position = height();
  // Every use but those of the value about to be written is an entry's; entries nearer the top come first.
  while (position-- > 0 && pool_.uses(pinned) > 0) {
    const Value value = stack_[position];
    if (!value.names(pinned)) continue;
    evicted_ = std::min(evicted_, position);
    flushed_ = std::min(flushed_, position);
    if (!value.is_simple()) {
      stack_[position] = Value::constant(value.type, 0);
      stack_[position] = simplified(value);
      evicted_ = std::min(evicted_, position);
      continue;
    }
    if (copy == kNoReg) {
      copy = allocate(value.type);
      move_register(copy, pinned, value.type);
      evicted_ = std::min(evicted_, position);
    } else {
      pool_.retain(copy);
    }
    stack_[position].reg = copy;
    pool_.release(pinned);
  }
}

void FunctionCompiler::on_local_get(uint32_t local, ValType type) {
  const LocalHome& home = plan_.homes[local];
  if (home.reg != kNoReg) {
    pool_.retain(home.reg);
    return push_register(type, home.reg);
  }
  const Reg r = allocate(type);
  load_from_frame(r, type, local_offset(home.slot));
  push_register(type, r);
}

void FunctionCompiler::on_local_set(uint32_t local, ValType type) {
  write_local(local, type, false);
}

void FunctionCompiler::on_local_tee(uint32_t local, ValType type) {
  write_local(local, type, true);
}

void FunctionCompiler::write_local(uint32_t local, ValType type, bool keep) {
  masm_.checkpoint();
  Value value = pop();
  const LocalHome& home = plan_.homes[local];
  if (home.reg == kNoReg) {
    const Reg r = use(value);
    store_to_frame(r, local_offset(home.slot));
    if (keep) {
      push_register(type, r);
    } else {
      release(r);
    }
    return;
  }
  const Reg to = home.reg;
  const uint32_t own =
      value.names(to) ? 1u + (value.is_compare() && value.reg == value.other ? 1 : 0) : 0;
  if (pool_.uses(to) > own) [[unlikely]] {
    if (own != 0) {
      // The value itself refers to the local: complete it first, so that only stack entries are left to look for.
      const Reg temporary = allocate(type);
      move_into(value, temporary);
      value = Value::in_register(type, temporary);
    }
    preserve(to);
  }
  if (!is_fpr(to)) addresses_.forget_index(pool_, to);
  const int64_t known_bits = value.is_register() && value.pending == Pending::None ? value.bits : 0;
  move_into(value, to);
  if (keep) {
    pool_.retain(to);
    push_register(type, to, Pending::None, known_bits);
  }
}

// ---- Drop and select ---------------------------------------------------------------------------

void FunctionCompiler::on_drop(ValType /*type*/) {
  release(pop());
}

// `select` of the operands of a comparison: min and max.
bool FunctionCompiler::try_minimum(const Value& condition, const Value& first,
                                   const Value& second) {
  if (!has_zbb_ || !condition.is_compare() || condition.other == kNoReg) return false;
  if (!first.is_register() || first.pending != Pending::None) return false;
  if (!second.is_register() || second.pending != Pending::None) return false;
  Condition c = condition.condition;
  if (condition.reg == second.reg && condition.other == first.reg) {
    c = riscv64::swapped(c);
  } else if (condition.reg != first.reg || condition.other != second.reg) {
    return false;
  }
  uint32_t bits = 0;
  switch (c) {
    case Condition::LtS:
    case Condition::LeS:
      bits = op::min;
      break;
    case Condition::LtU:
    case Condition::LeU:
      bits = op::minu;
      break;
    case Condition::GtS:
    case Condition::GeS:
      bits = op::max;
      break;
    case Condition::GtU:
    case Condition::GeU:
      bits = op::maxu;
      break;
    default:
      return false;
  }
  release(condition);
  release(first);
  release(second);
  const Reg r = allocate_integer();
  masm_.emit_r(bits, gpr(r), gpr(first.reg), gpr(second.reg));
  push_register(first.type, r);
  return true;
}

// The register that a select should write: the home of the local that the next instruction sets, if nobody else
// looks at it. kNoReg: none.
Reg FunctionCompiler::selection_target(ValType type, const Value& first, const Value& second,
                                       const Value& condition) {
  if (!decoder_.next_is(Opcode::LocalSet) && !decoder_.next_is(Opcode::LocalTee)) return kNoReg;
  const std::optional<uint32_t> local = decoder_.peek_index();
  if (!local || *local >= plan_.homes.size() || decoder_.locals()[*local] != type) return kNoReg;
  const Reg home = plan_.homes[*local].reg;
  if (home == kNoReg) return kNoReg;
  const bool is_first = first.is_register() && first.reg == home;
  const bool is_second = second.is_register() && second.reg == home;
  uint32_t own = (is_first ? 1 : 0) + (is_second ? 1 : 0);
  if (is_first && is_second) return kNoReg;
  if (condition.names(home)) {
    // The condition is evaluated before the conditional move, but after the unconditional one.
    if (!is_first && !is_second) return kNoReg;
    own += 1u + (condition.is_compare() && condition.reg == condition.other ? 1 : 0);
  }
  return pool_.uses(home) == own ? home : kNoReg;
}

void FunctionCompiler::on_select(ValType type) {
  masm_.checkpoint();
  const Value condition = pop();
  const Value second = simplified(pop());
  const Value first = simplified(pop());
  if (condition.is_constant()) {
    const bool takes_first = static_cast<int32_t>(condition.bits) != 0;
    release(takes_first ? second : first);
    Value taken = takes_first ? first : second;
    if (taken.kind == Value::Kind::Spilled) taken = Value::in_register(type, use(taken));
    return push(taken);
  }
  if (try_minimum(condition, first, second)) return;
  // One of the two goes to the target whatever happens; a move that the condition jumps over brings the other.
  Reg target = selection_target(type, first, second, condition);
  bool first_is_default = false;
  if (target != kNoReg) {
    pool_.retain(target);
    if (!is_fpr(target)) addresses_.forget_index(pool_, target);
    first_is_default = first.is_register() && first.reg == target;
  } else if (first.is_register() && pool_.is_sole_temporary(first.reg) &&
             !condition.names(first.reg)) {
    target = first.reg;
    pool_.retain(target);
    first_is_default = true;
  } else if (second.is_register() && pool_.is_sole_temporary(second.reg) &&
             !condition.names(second.reg)) {
    target = second.reg;
    pool_.retain(target);
  } else {
    target = allocate(type);
  }
  move_into(first_is_default ? first : second, target);
  Label skip;
  branch_if(condition, first_is_default, skip);
  move_into(first_is_default ? second : first, target);
  masm_.bind(skip);
  push_register(type, target);
}

}  // namespace nacre::baseline
