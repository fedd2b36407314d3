// Locals, drop and select.
#include "function_compiler.hh"

namespace nacre::baseline {

namespace op = riscv64::op;

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
