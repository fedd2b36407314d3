// Integer instructions. An i32 is kept sign-extended; where only the lower half of an operand matters, an undefined upper
// half (Pending::Narrow) is accepted as it is.
#include <algorithm>
#include <bit>
#include <utility>

#include "function_compiler.hh"

namespace nacre::baseline {
namespace {

namespace op = riscv64::op;
using riscv64::fits_imm12;

[[nodiscard]] bool is_commutative(Opcode opcode) {
  switch (opcode) {
    case Opcode::I32Add:
    case Opcode::I32Mul:
    case Opcode::I32And:
    case Opcode::I32Or:
    case Opcode::I32Xor:
    case Opcode::I64Add:
    case Opcode::I64Mul:
    case Opcode::I64And:
    case Opcode::I64Or:
    case Opcode::I64Xor:
      return true;
    default:
      return false;
  }
}

// The i64 instructions follow the i32 ones in the same order.
[[nodiscard]] bool is_wide(Opcode opcode) {
  return opcode >= Opcode::I64Clz;
}
[[nodiscard]] Opcode as_i32(Opcode opcode) {
  if (!is_wide(opcode)) return opcode;
  return static_cast<Opcode>(static_cast<unsigned>(opcode) - static_cast<unsigned>(Opcode::I64Clz) +
                             static_cast<unsigned>(Opcode::I32Clz));
}

[[nodiscard]] ValType type_of(Width width) {
  return width == Width::W32 ? ValType::I32 : ValType::I64;
}
[[nodiscard]] int64_t wrapped(int64_t value, Width width) {
  return width == Width::W32 ? static_cast<int32_t>(value) : value;
}
[[nodiscard]] int64_t negated(int64_t value, Width width) {
  return wrapped(static_cast<int64_t>(uint64_t{0} - static_cast<uint64_t>(value)), width);
}
// The exponent if exactly one bit is set.
[[nodiscard]] int power_of(uint64_t value) {
  return std::has_single_bit(value) ? std::countr_zero(value) : -1;
}

// How many low bits of an i32 may be set; 0 if nothing is known.
[[nodiscard]] int64_t known_bits_of(const Value& value) {
  if (!value.is_register() || value.type != ValType::I32 || value.bits == 0) return 0;
  if (value.pending == Pending::None) return value.bits;
  return is_shift(value.pending) ? value.bits + shift_of(value.pending) : 0;
}
[[nodiscard]] int64_t known_after_shift(const Value& value, unsigned amount) {
  const int64_t known = known_bits_of(value);
  return known != 0 && known + amount <= 31 ? known + amount : 0;
}
// Whether value + addend is an i32 that is not negative, whatever the value.
[[nodiscard]] bool stays_positive(const Value& value, int64_t addend) {
  const int64_t bits = known_bits_of(value);
  return bits != 0 && bits <= 30 && addend > 0 && addend + (int64_t{1} << bits) <= INT32_MAX;
}

}  // namespace

void FunctionCompiler::on_binary(Opcode opcode) {
  if (opcode >= Opcode::F32Abs) return binary_float(opcode);
  masm_.checkpoint();
  const Width width = is_wide(opcode) ? Width::W64 : Width::W32;
  if (is_commutative(opcode)) {
    const size_t top = stack_.size() - 1;
    if (stack_[top - 1].is_constant()) swap_top();
  }
  switch (as_i32(opcode)) {
    case Opcode::I32Add:
      return binary_add(width);
    case Opcode::I32Sub:
      return binary_subtract(width);
    case Opcode::I32Mul:
      return binary_multiply(width);
    case Opcode::I32DivS:
    case Opcode::I32DivU:
    case Opcode::I32RemS:
    case Opcode::I32RemU:
      return binary_divide(as_i32(opcode), width);
    case Opcode::I32And:
    case Opcode::I32Or:
    case Opcode::I32Xor:
      return binary_logic(as_i32(opcode), width);
    default:
      return binary_shift(as_i32(opcode), width);
  }
}

// A spilled entry knows its slot, so the two may trade places.
void FunctionCompiler::swap_top() {
  std::swap(stack_[stack_.size() - 1], stack_[stack_.size() - 2]);
  evicted_ = std::min(evicted_, height() - 2);
  flushed_ = std::min(flushed_, height() - 2);
}

// The usual instruction of three registers.
void FunctionCompiler::emit_three(uint32_t bits, ValType type, const Value& first,
                                  const Value& second, bool low, Pending result) {
  const Reg b = low ? use_low(second) : use(second);
  const Reg a = low ? use_low(first) : use(first);
  release(a);
  release(b);
  const Reg r = allocate_integer();
  masm_.emit_r(bits, gpr(r), gpr(a), gpr(b));
  push_register(type, r, result);
}

// One register and a 12-bit immediate.
void FunctionCompiler::emit_immediate(uint32_t bits, ValType type, Reg a, int32_t immediate,
                                      Pending result, int64_t known_bits) {
  release(a);
  const Reg r = allocate_integer();
  masm_.emit_i(bits, gpr(r), gpr(a), immediate);
  push_register(type, r, result, known_bits);
}

void FunctionCompiler::emit_shift(uint32_t bits, ValType type, Reg a, unsigned amount,
                                  int64_t known_bits) {
  emit_immediate(bits, type, a, static_cast<int32_t>(amount), Pending::None, known_bits);
}

// ---- Addition, subtraction, multiplication -----------------------------------------------------

// `constant` is beyond an immediate only if the addition is to be left to an address.
void FunctionCompiler::add_constant(const Value& value, int64_t constant, Width width) {
  const bool narrow = width == Width::W32;
  if (constant == 0) return push(value);
  if (narrow && stays_positive(value, constant)) {
    const Reg r = use_low(value);
    return push_register(ValType::I32, r, Pending::Plus, constant);
  }
  emit_immediate(narrow ? op::addiw : op::addi, type_of(width),
                 narrow ? use_low(value) : use(value), static_cast<int32_t>(constant));
}

// sh?add, sh?add.uw and add.uw do what is pending of one operand along with the addition.
bool FunctionCompiler::try_shift_add(const Value& shifted, const Value& addend, Width width) {
  if (!has_zba_ || !shifted.is_register() || shifted.pending <= Pending::Narrow ||
      shifted.pending == Pending::Plus) {
    return false;
  }
  constexpr uint32_t kShift[] = {op::sh1add, op::sh2add, op::sh3add};
  constexpr uint32_t kWidenShift[] = {op::sh1add_uw, op::sh2add_uw, op::sh3add_uw};
  uint32_t bits = op::add_uw;
  if (is_shift(shifted.pending)) bits = kShift[shift_of(shifted.pending) - 1];
  if (is_widen_shift(shifted.pending)) bits = kWidenShift[shift_of(shifted.pending) - 1];
  const bool narrow = width == Width::W32;
  Value plain = shifted;
  plain.pending = Pending::None;
  emit_three(bits, type_of(width), plain, addend, narrow, narrow ? Pending::Narrow : Pending::None);
  return true;
}

void FunctionCompiler::binary_add(Width width) {
  const Value second = pop();
  const Value first = pop();
  if (second.is_constant()) {
    if (first.is_constant()) {
      const auto sum = static_cast<uint64_t>(first.bits) + static_cast<uint64_t>(second.bits);
      return push(Value::constant(type_of(width), wrapped(static_cast<int64_t>(sum), width)));
    }
    if (fits_imm12(second.bits)) return add_constant(first, second.bits, width);
    if (width == Width::W32 && find_constant(ValType::I32, second.bits) == kNoReg &&
        stays_positive(first, second.bits)) {
      return add_constant(first, second.bits, width);
    }
    if (second.bits >= -4096 && second.bits <= 4094 &&
        find_constant(second.type, second.bits) == kNoReg) {
      const int64_t half = second.bits / 2;
      add_constant(first, half, width);
      return add_constant(pop(), second.bits - half, width);
    }
  }
  if (try_shift_add(second, first, width) || try_shift_add(first, second, width)) return;
  const bool narrow = width == Width::W32;
  emit_three(narrow ? op::addw : op::add, type_of(width), first, second, narrow, Pending::None);
}

void FunctionCompiler::binary_subtract(Width width) {
  const Value second = pop();
  const Value first = pop();
  if (second.is_constant()) {
    const int64_t negative = negated(second.bits, width);
    if (fits_imm12(negative)) return add_constant(first, negative, width);
  }
  const bool narrow = width == Width::W32;
  emit_three(narrow ? op::subw : op::sub, type_of(width), first, second, narrow, Pending::None);
}

void FunctionCompiler::binary_multiply(Width width) {
  const Value second = pop();
  const Value first = pop();
  const bool narrow = width == Width::W32;
  if (second.is_constant() && !first.is_constant()) {
    const uint64_t factor =
        narrow ? static_cast<uint32_t>(second.bits) : static_cast<uint64_t>(second.bits);
    const int power = power_of(factor);
    if (power >= 0) return shift_left(first, static_cast<unsigned>(power), width);
    if (has_zba_ && (factor == 3 || factor == 5 || factor == 9)) {
      const Reg a = narrow ? use_low(first) : use(first);
      release(a);
      const Reg r = allocate_integer();
      shift_add(r, static_cast<unsigned>(std::countr_zero(factor - 1)), a, a);
      return push_register(type_of(width), r, narrow ? Pending::Narrow : Pending::None);
    }
  }
  int64_t known = 0;
  if (narrow && second.is_constant() && second.bits > 0) {
    known = known_after_shift(
        first, static_cast<unsigned>(std::bit_width(static_cast<uint64_t>(second.bits))));
  }
  emit_three(narrow ? op::mulw : op::mul, type_of(width), first, second, narrow, Pending::None);
  stack_.back().bits = known;
}

// ---- Division ----------------------------------------------------------------------------------

void FunctionCompiler::binary_divide(Opcode opcode, Width width) {
  const Value second = pop();
  const Value first = pop();
  const bool narrow = width == Width::W32;
  const bool is_signed = opcode == Opcode::I32DivS || opcode == Opcode::I32RemS;
  const bool divides = opcode == Opcode::I32DivS || opcode == Opcode::I32DivU;
  if (second.is_constant() && second.bits != 0 && !(is_signed && second.bits == -1)) {
    // No trap is possible.
    const int power =
        power_of(narrow ? static_cast<uint32_t>(second.bits) : static_cast<uint64_t>(second.bits));
    if (!is_signed && power >= 0 && divides)
      return shift_right_logical(first, static_cast<unsigned>(power), width);
    if (!is_signed && power >= 0 && power <= 11) {
      return emit_immediate(op::andi, type_of(width), narrow ? use_low(first) : use(first),
                            static_cast<int32_t>(second.bits - 1), Pending::None, power);
    }
    constexpr uint32_t kNarrow[] = {op::divw, op::divuw, op::remw, op::remuw};
    constexpr uint32_t kWide[] = {op::div, op::divu, op::rem, op::remu};
    const auto index = static_cast<unsigned>(opcode) - static_cast<unsigned>(Opcode::I32DivS);
    return emit_three(narrow ? kNarrow[index] : kWide[index], type_of(width), first, second, narrow,
                      Pending::None);
  }
  const Reg b = use(second);
  const Reg a = use(first);
  release(a);
  release(b);
  const Reg r = allocate_integer();
  const uint32_t wasm_offset = decoder_.offset();
  switch (opcode) {
    case Opcode::I32DivS:
      masm_.divide_signed(gpr(r), gpr(a), gpr(b), width, wasm_offset);
      break;
    case Opcode::I32DivU:
      masm_.divide_unsigned(gpr(r), gpr(a), gpr(b), width, wasm_offset);
      break;
    case Opcode::I32RemS:
      masm_.remainder_signed(gpr(r), gpr(a), gpr(b), width, wasm_offset);
      break;
    default:
      masm_.remainder_unsigned(gpr(r), gpr(a), gpr(b), width, wasm_offset);
      break;
  }
  push_register(type_of(width), r);
}

// ---- and, or, xor ------------------------------------------------------------------------------

void FunctionCompiler::binary_logic(Opcode opcode, Width width) {
  const Value second = pop();
  const Value first = pop();
  if (second.is_constant() && !first.is_constant() &&
      try_logic_constant(opcode, first, second.bits, width))
    return;
  const uint32_t bits = opcode == Opcode::I32And  ? op::and_
                        : opcode == Opcode::I32Or ? op::or_
                                                  : op::xor_;
  const bool narrow = width == Width::W32;
  // Both sign-extended: so is the result.
  const bool undefined =
      narrow && (first.pending == Pending::Narrow || second.pending == Pending::Narrow);
  emit_three(bits, type_of(width), first, second, narrow,
             undefined ? Pending::Narrow : Pending::None);
}

bool FunctionCompiler::try_logic_constant(Opcode opcode, const Value& value, int64_t constant,
                                          Width width) {
  const bool narrow = width == Width::W32;
  const ValType type = type_of(width);
  const Pending undefined =
      narrow && value.pending == Pending::Narrow ? Pending::Narrow : Pending::None;
  const auto operand = [&] { return narrow ? use_low(value) : use(value); };
  if (opcode == Opcode::I32And && try_mask(value, constant, width)) return true;
  if (fits_imm12(constant)) {
    const uint32_t bits = opcode == Opcode::I32And  ? op::andi
                          : opcode == Opcode::I32Or ? op::ori
                                                    : op::xori;
    const bool clears_upper = opcode == Opcode::I32And && constant >= 0;
    emit_immediate(bits, type, operand(), static_cast<int32_t>(constant),
                   clears_upper ? Pending::None : undefined,
                   clears_upper ? std::bit_width(static_cast<uint64_t>(constant)) : 0);
    return true;
  }
  if (!has_zbs_) return false;
  // One bit, below the sign of an i32 (there, all bits above it would have to follow).
  const int power =
      power_of(static_cast<uint64_t>(opcode == Opcode::I32And ? ~constant : constant));
  if (power < 0 || (narrow && power > 30)) return false;
  const uint32_t bits = opcode == Opcode::I32And  ? op::bclri
                        : opcode == Opcode::I32Or ? op::bseti
                                                  : op::binvi;
  emit_immediate(bits, type, operand(), power, undefined);
  return true;
}

// and with low ones, or with a single bit that is only tested for zero.
bool FunctionCompiler::try_mask(const Value& value, int64_t constant, Width width) {
  const bool narrow = width == Width::W32;
  const ValType type = type_of(width);
  if (!narrow && constant == 0xffff'ffff && has_zba_) {
    if (value.is_register() && value.pending <= Pending::Narrow) {
      push_register(type, value.reg, Pending::Widen);
      return true;
    }
  }
  if (constant <= 0x7ff) return false;
  const auto operand = [&] { return narrow ? use_low(value) : use(value); };
  const int power = power_of(static_cast<uint64_t>(constant));
  if (power >= 0 && has_zbs_ && next_tests_zero(width)) {
    emit_shift(op::bexti, type, operand(), static_cast<unsigned>(power));
    return true;
  }
  const int ones = power_of(static_cast<uint64_t>(constant) + 1);
  if (ones < 0) return false;
  const Reg a = operand();
  release(a);
  const Reg r = allocate_integer();
  if (ones == 16 && has_zbb_) {
    masm_.zext_h(gpr(r), gpr(a));
  } else {
    const auto amount = static_cast<uint32_t>(64 - ones);
    masm_.slli(gpr(r), gpr(a), amount);
    masm_.srli(gpr(r), gpr(r), amount);
  }
  push_register(type, r, Pending::None, ones);
  return true;
}

bool FunctionCompiler::next_tests_zero(Width width) const {
  if (width == Width::W64) return decoder_.next_is(Opcode::I64Eqz);
  return decoder_.next_is(Opcode::BrIf) || decoder_.next_is(Opcode::If) ||
         decoder_.next_is(Opcode::I32Eqz) || decoder_.next_is(Opcode::Select);
}

// ---- Shifts ------------------------------------------------------------------------------------

void FunctionCompiler::shift_left(const Value& value, unsigned amount, Width width) {
  const bool narrow = width == Width::W32;
  const ValType type = type_of(width);
  if (amount == 0) return push(value);
  if (has_zba_ && value.is_register() && !narrow && value.pending == Pending::Widen) {
    if (amount <= 3) return push_register(type, value.reg, pending_widen_shift(amount));
    return emit_shift(op::slli_uw, type, value.reg, amount);
  }
  if (has_zba_ && amount <= 3) {
    // Left for an addition to do.
    const int64_t known = known_after_shift(value, amount);
    const Reg a = narrow ? use_low(value) : use(value);
    return push_register(type, a, pending_shift(amount), known == 0 ? 0 : known - amount);
  }
  const int64_t known = known_after_shift(value, amount);
  emit_shift(narrow ? op::slliw : op::slli, type, narrow ? use_low(value) : use(value), amount,
             known);
}

void FunctionCompiler::shift_right_logical(const Value& value, unsigned amount, Width width) {
  if (amount == 0) return push(value);
  if (width == Width::W32) {
    return emit_shift(op::srliw, ValType::I32, use_low(value), amount,
                      32 - static_cast<int64_t>(amount));
  }
  if (value.is_register() && value.pending == Pending::Widen && amount < 32) {
    return emit_shift(op::srliw, ValType::I64, value.reg, amount);
  }
  emit_shift(op::srli, ValType::I64, use(value), amount);
}

void FunctionCompiler::binary_shift(Opcode opcode, Width width) {
  Value second = pop();
  const Value first = pop();
  const bool narrow = width == Width::W32;
  if (second.is_constant()) {
    const auto amount = static_cast<unsigned>(second.bits) & (narrow ? 31u : 63u);
    return shift_by_constant(opcode, first, amount, width);
  }
  // Only the low bits of the amount count.
  if (second.pending == Pending::Widen || second.pending == Pending::Narrow)
    second.pending = Pending::None;
  constexpr uint32_t kNarrow[] = {op::sllw, op::sraw, op::srlw};
  constexpr uint32_t kWide[] = {op::sll, op::sra, op::srl};
  if (opcode != Opcode::I32Rotl && opcode != Opcode::I32Rotr) {
    const auto index = static_cast<unsigned>(opcode) - static_cast<unsigned>(Opcode::I32Shl);
    return emit_three(narrow ? kNarrow[index] : kWide[index], type_of(width), first, second, narrow,
                      Pending::None);
  }
  const Reg amount = use(second);
  const Reg a = use(first);
  release(a);
  release(amount);
  const Reg r = allocate_integer();
  if (opcode == Opcode::I32Rotl) {
    masm_.rotate_left(gpr(r), gpr(a), gpr(amount), width);
  } else {
    masm_.rotate_right(gpr(r), gpr(a), gpr(amount), width);
  }
  push_register(type_of(width), r);
}

void FunctionCompiler::shift_by_constant(Opcode opcode, const Value& value, unsigned amount,
                                         Width width) {
  const bool narrow = width == Width::W32;
  switch (opcode) {
    case Opcode::I32Shl:
      return shift_left(value, amount, width);
    case Opcode::I32ShrU:
      return shift_right_logical(value, amount, width);
    case Opcode::I32ShrS:
      if (amount == 0) return push(value);
      return emit_shift(narrow ? op::sraiw : op::srai, type_of(width),
                        narrow ? use_low(value) : use(value), amount);
    default:
      break;
  }
  if (amount == 0) return push(value);
  const Reg a = use(value);
  release(a);
  const Reg r = allocate_integer();
  if (opcode == Opcode::I32Rotl) {
    masm_.rotate_left_imm(gpr(r), gpr(a), amount, width);
  } else {
    masm_.rotate_right_imm(gpr(r), gpr(a), amount, width);
  }
  push_register(type_of(width), r);
}

// ---- Comparisons -------------------------------------------------------------------------------

void FunctionCompiler::on_test(Opcode opcode) {
  const Value value = pop();
  if (value.is_constant()) return push(Value::constant(ValType::I32, value.bits == 0 ? 1 : 0));
  if (value.is_compare()) {
    Value opposite = value;
    opposite.condition = riscv64::inverted(value.condition);
    return push(opposite);
  }
  masm_.checkpoint();
  (void)opcode;
  const Reg r = use(value);
  pool_.retain(kZero);
  push(Value::compare(Condition::Eq, r, kZero));
}

void FunctionCompiler::on_compare(Opcode opcode) {
  if (opcode >= Opcode::F32Eq) return compare_floats(opcode);
  masm_.checkpoint();
  constexpr Condition kConditions[] = {
      Condition::Eq,  Condition::Ne,  Condition::LtS, Condition::LtU, Condition::GtS,
      Condition::GtU, Condition::LeS, Condition::LeU, Condition::GeS, Condition::GeU};
  const bool wide = opcode >= Opcode::I64Eq;
  const auto index =
      static_cast<unsigned>(opcode) - static_cast<unsigned>(wide ? Opcode::I64Eq : Opcode::I32Eq);
  compare_integers(kConditions[index], wide ? Width::W64 : Width::W32);
}

namespace {

// a ≤ c is a < c+1 unless c is the greatest; likewise a > c. Fewer kinds are left for immediates and branches.
void normalize_constant(Condition& condition, int64_t& constant, Width width) {
  const bool narrow = width == Width::W32;
  const bool is_greatest_signed = constant == (narrow ? int64_t{INT32_MAX} : INT64_MAX);
  const bool is_greatest_unsigned = constant == -1;
  Condition changed = condition;
  switch (condition) {
    case Condition::LeS:
      if (is_greatest_signed) return;
      changed = Condition::LtS;
      break;
    case Condition::GtS:
      if (is_greatest_signed) return;
      changed = Condition::GeS;
      break;
    case Condition::LeU:
      if (is_greatest_unsigned) return;
      changed = Condition::LtU;
      break;
    case Condition::GtU:
      if (is_greatest_unsigned) return;
      changed = Condition::GeU;
      break;
    default:
      break;
  }
  if (changed != condition) {
    condition = changed;
    constant = wrapped(static_cast<int64_t>(static_cast<uint64_t>(constant) + 1), width);
  }
  if (constant == 1 && (condition == Condition::LtU || condition == Condition::GeU)) {
    condition = condition == Condition::LtU ? Condition::Eq : Condition::Ne;
    constant = 0;
  }
}

}  // namespace

void FunctionCompiler::compare_integers(Condition condition, Width width) {
  Value second = pop();
  Value first = pop();
  if (first.is_constant() && !second.is_constant()) {
    std::swap(first, second);
    condition = riscv64::swapped(condition);
  }
  if (second.is_constant()) {
    int64_t constant = second.bits;
    normalize_constant(condition, constant, width);
    const Reg a = use(first);
    if (constant != 0) return push(Value::compare_constant(condition, a, constant));
    pool_.retain(kZero);
    return push(Value::compare(condition, a, kZero));
  }
  const Reg b = use(second);
  const Reg a = use(first);
  push(Value::compare(condition, a, b));
}

// ---- One operand -------------------------------------------------------------------------------

void FunctionCompiler::on_unary(Opcode opcode) {
  masm_.checkpoint();
  if (opcode >= Opcode::F32Abs && opcode <= Opcode::F64Copysign) return unary_float(opcode);
  unary_integer(opcode);
}

void FunctionCompiler::unary_integer(Opcode opcode) {
  const Value value = pop();
  if (opcode == Opcode::I64Extend32S) {
    // What is pending on an i64 register and reaches the lower half must be done first.
    return push_register(ValType::I64, value.pending == Pending::Widen ? value.reg : use(value),
                         Pending::Narrow);
  }
  const bool wide = opcode == Opcode::I64Extend8S || opcode == Opcode::I64Extend16S ||
                    (opcode >= Opcode::I64Clz && opcode <= Opcode::I64Popcnt);
  const Width width = wide ? Width::W64 : Width::W32;
  const bool extends = opcode >= Opcode::I32Extend8S;
  const Reg a = extends && !wide ? use_low(value) : use(value);
  // The sequences without Zbb need a register that differs from operand and result.
  const Reg temporary = has_zbb_ || extends ? kNoReg : allocate_integer();
  if (temporary == kNoReg) release(a);
  const Reg r = allocate_integer();
  const Gpr spare = temporary == kNoReg ? riscv64::kScratch : gpr(temporary);
  switch (opcode) {
    case Opcode::I32Clz:
    case Opcode::I64Clz:
      masm_.count_leading_zeros(gpr(r), gpr(a), width, spare);
      break;
    case Opcode::I32Ctz:
    case Opcode::I64Ctz:
      masm_.count_trailing_zeros(gpr(r), gpr(a), width, spare);
      break;
    case Opcode::I32Popcnt:
    case Opcode::I64Popcnt:
      masm_.count_ones(gpr(r), gpr(a), width, spare);
      break;
    case Opcode::I32Extend8S:
    case Opcode::I64Extend8S:
      masm_.extend8_signed(gpr(r), gpr(a));
      break;
    default:
      masm_.extend16_signed(gpr(r), gpr(a));
      break;
  }
  if (temporary != kNoReg) {
    release(temporary);
    release(a);
  }
  push_register(type_of(width), r);
}

void FunctionCompiler::on_convert(Opcode opcode) {
  switch (opcode) {
    case Opcode::I32WrapI64:
      return wrap();
    case Opcode::I64ExtendI32S:
    case Opcode::I64ExtendI32U:
      return extend(opcode == Opcode::I64ExtendI32S);
    default:
      masm_.checkpoint();
      return convert_float(opcode);
  }
}

void FunctionCompiler::wrap() {
  Value value = pop();
  value.type = ValType::I32;
  switch (value.kind) {
    case Value::Kind::Constant:
      value.bits = static_cast<int32_t>(value.bits);
      return push(value);
    case Value::Kind::Register:
      break;
    default:
      value.type = ValType::I64;
      return push_register(ValType::I32, use(value), Pending::Narrow);
  }
  if (value.pending == Pending::None || value.pending == Pending::Widen)
    value.pending = Pending::Narrow;
  if (is_widen_shift(value.pending)) value.pending = pending_shift(shift_of(value.pending));
  push(value);
}

void FunctionCompiler::extend(bool is_signed) {
  Value value = pop();
  if (value.is_constant()) {
    const int64_t bits =
        is_signed ? value.bits : static_cast<int64_t>(static_cast<uint32_t>(value.bits));
    return push(Value::constant(ValType::I64, bits));
  }
  if (value.is_compare()) return push_register(ValType::I64, use(value));
  if (is_signed) {
    if (value.is_register() && value.pending == Pending::Narrow) {
      value.type = ValType::I64;
      return push(value);
    }
    return push_register(ValType::I64, use(value));
  }
  push_register(ValType::I64, use_low(value), Pending::Widen);
}

}  // namespace nacre::baseline
