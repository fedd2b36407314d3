// Getting operands into registers and putting them aside.
#include <algorithm>

#include "operand_stack.hh"

namespace nacre::baseline {

using riscv64::kScratch;
namespace op = riscv64::op;

namespace {

[[nodiscard]] uint32_t frame_store(Reg r) {
  return is_fpr(r) ? op::fsd : op::sd;
}

}  // namespace

// ---- Registers ---------------------------------------------------------------------------------

void OperandStack::note_shrunk() {
  evicted_ = height();
  flushed_ = std::min(flushed_, evicted_);
}

bool OperandStack::is_volatile(const Value& value) const {
  if (!value.is_register() && !value.is_compare()) return false;
  const RegSet named = bit(value.reg) | (value.other != kNoReg ? bit(value.other) : 0);
  return (named & volatile_) != 0;
}

// No temporary of the file is free: first give up a remembered address, then put the deepest temporaries into memory.
Reg OperandStack::allocate_slow(RegSet file) {
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

void OperandStack::allocate_exactly(Reg r) {
  if ((pool_.addresses() & bit(r)) != 0) addresses_.forget_holder(pool_, r);
  pool_.take(r);
}

void OperandStack::release(const Value& value) {
  if (value.is_register()) {
    pool_.release(value.reg);
  } else if (value.is_compare()) {
    pool_.release(value.reg);
    if (value.other != kNoReg) pool_.release(value.other);
  }
}

// ---- Values into registers ---------------------------------------------------------------------

Reg OperandStack::use_slow(const Value& value) {
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

Value OperandStack::simplified(const Value& value) {
  if (value.is_simple()) return value;
  return Value::in_register(value.type, use(value));
}

void OperandStack::simplify_top(uint32_t count) {
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

void OperandStack::move_into(const Value& value, Reg to) {
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

bool OperandStack::try_retarget(Reg from, Reg to) {
  return is_fpr(from) ? masm_.try_retarget_last(fpr(from), fpr(to))
                      : masm_.try_retarget_last(gpr(from), gpr(to));
}

void OperandStack::apply_pending(Reg to, const Value& value) {
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

void OperandStack::materialize_compare(Reg to, const Value& value) {
  if (value.other == kNoReg) {
    masm_.set_if_imm(value.condition, gpr(to), gpr(value.reg), value.bits);
  } else {
    masm_.set_if(value.condition, gpr(to), gpr(value.reg), gpr(value.other));
  }
}

Reg OperandStack::find_constant(ValType type, int64_t bits) const {
  if (plan_.constants.empty()) return kNoReg;
  const auto kind = type == ValType::F32   ? PinnedConstant::Kind::Float32
                    : type == ValType::F64 ? PinnedConstant::Kind::Float64
                                           : PinnedConstant::Kind::Integer;
  return plan_.find_constant(kind, bits);
}

void OperandStack::load_constant(Reg to, ValType type, int64_t bits) {
  if (const Reg pinned = find_constant(type, bits); pinned != kNoReg)
    return move_register(to, pinned, type);
  emit_constant(to, type, bits);
}

void OperandStack::emit_constant(Reg to, ValType type, int64_t bits) {
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

void OperandStack::move_register(Reg to, Reg from, ValType type) {
  if (to == from) return;
  if (!is_fpr(to)) return masm_.mv(gpr(to), gpr(from));
  masm_.fmv(fpr(to), fpr(from), type == ValType::F32 ? FloatWidth::F32 : FloatWidth::F64);
}

// ---- Values into memory ------------------------------------------------------------------------

void OperandStack::spill(uint32_t position) {
  const Value value = stack_[position];
  if (value.is_constant() || value.kind == Value::Kind::Spilled) return;
  stack_[position] = Value::spilled(value.type, position);
  const Reg r = use(value);
  store_to_frame(r, spill_offset(position));
  release(r);
}

void OperandStack::flush_all() {
  for (uint32_t position = flushed_; position < height(); ++position) spill(position);
  flushed_ = evicted_ = height();
}

void OperandStack::flush_with_parameters(uint32_t count) {
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

void OperandStack::spill_volatile(uint32_t below) {
  for (uint32_t position = evicted_; position < below; ++position) {
    if (is_volatile(stack_[position])) spill(position);
  }
  evicted_ = std::max(evicted_, below);
}

void OperandStack::shrink_stack(uint32_t new_height) {
  while (height() > new_height) release(pop());
}

// ---- Locals ------------------------------------------------------------------------------------

void OperandStack::preserve(Reg pinned) {
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

// ---- Frame slots -------------------------------------------------------------------------------

uint32_t OperandStack::spill_offset(uint32_t position) {
  if (position >= spill_slots_) {
    spill_slots_ = position + 1;
    frame_needed_ = true;
  }
  return spills_offset_ + 8 * position;
}

void OperandStack::store_to_frame(Reg r, uint32_t offset) {
  if (is_fpr(r)) {
    masm_.store(frame_store(r), fpr(r), Gpr::Sp, offset);
  } else {
    masm_.store(frame_store(r), gpr(r), Gpr::Sp, offset);
  }
  // The access is the last instruction of the sequence.
  masm_.record_site(masm_.position() - 4, TrapKind::StackOverflow, decoder_.offset());
}

// An f32 is loaded as such: that boxes it, while a slot that was cleared holds no box.
void OperandStack::load_from_frame(Reg r, ValType type, uint32_t offset) {
  if (is_fpr(r))
    return masm_.load(type == ValType::F32 ? op::flw : op::fld, fpr(r), Gpr::Sp, offset);
  masm_.load(op::ld, gpr(r), Gpr::Sp, offset);
}

}  // namespace nacre::baseline
