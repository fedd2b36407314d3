// Integer sequences: constants, extensions, comparisons, rotation, counting, division, distant memory operands.
#include <bit>

#include "nacre/engine/isa/riscv64/macro_assembler.hh"

namespace nacre::riscv64 {

namespace {

// ---- Constants ----

enum class StepKind : uint8_t { Lui, Addi, Addiw, Slli, Srli, SlliUw, ZextW, Bseti, Bclri };
struct Step {
  StepKind kind;
  int32_t operand;
};

// A short list of steps, each applied to the result of the one before (the first to zero).
struct Sequence {
  // build_direct makes at most eight; candidates add one.
  Step steps[9];
  uint32_t size = 0;
  void add(StepKind kind, int32_t operand) { steps[size++] = {kind, operand}; }
};

[[nodiscard]] int64_t shift_left(int64_t value, uint32_t amount) {
  return static_cast<int64_t>(static_cast<uint64_t>(value) << amount);
}

// Upper bits first: builds the value without its low twelve bits, shifted right as far as it goes, by recursion; at most
// lui, addiw and three pairs of slli and addi.
void build_direct(Sequence& out, int64_t value, const Features& features) {
  if (fits_imm32(value)) {
    const auto [high, low] = encode::split32(static_cast<int32_t>(value));
    if ((high & 0xfffff) != 0) out.add(StepKind::Lui, static_cast<int32_t>(high & 0xfffff));
    if (low != 0 || out.size == 0) out.add(out.size == 0 ? StepKind::Addi : StepKind::Addiw, low);
    return;
  }
  if (features.zbs && std::has_single_bit(static_cast<uint64_t>(value))) {
    out.add(StepKind::Bseti, std::countr_zero(static_cast<uint64_t>(value)));
    return;
  }
  const int64_t low = shift_left(value, 52) >> 52;
  int64_t rest = static_cast<int64_t>(static_cast<uint64_t>(value) - static_cast<uint64_t>(low));
  uint32_t shift = 0;
  StepKind shift_kind = StepKind::Slli;
  if (!fits_imm32(rest)) {
    shift = static_cast<uint32_t>(std::countr_zero(static_cast<uint64_t>(rest)));
    rest >>= shift;
    // Leave twelve zeros to a lui where that saves the addi.
    if (shift > 12 && !fits_imm12(rest) && fits_imm32(shift_left(rest, 12))) {
      shift -= 12;
      rest = shift_left(rest, 12);
    } else if (features.zba && shift > 12 && !fits_imm12(rest) && shift_left(rest, 12) >> 32 == 0) {
      shift -= 12;
      rest = static_cast<int32_t>(shift_left(rest, 12));
      shift_kind = StepKind::SlliUw;
    } else if (features.zba && !fits_imm32(rest) && rest >> 32 == 0) {
      rest = static_cast<int32_t>(rest);
      shift_kind = StepKind::SlliUw;
    }
  }
  build_direct(out, rest, features);
  if (shift != 0) out.add(shift_kind, static_cast<int32_t>(shift));
  if (low != 0) out.add(StepKind::Addi, static_cast<int32_t>(low));
}

void take_if_shorter(Sequence& best, int64_t start, StepKind last, int32_t operand,
                     const Features& features) {
  Sequence candidate;
  build_direct(candidate, start, features);
  candidate.add(last, operand);
  if (candidate.size < best.size) best = candidate;
}

[[nodiscard]] Sequence constant_sequence(int64_t value, const Features& features) {
  Sequence best;
  build_direct(best, value, features);
  if (best.size <= 2) return best;
  if (value > 0) {
    const auto zeros = static_cast<uint32_t>(std::countl_zero(static_cast<uint64_t>(value)));
    const int64_t shifted = shift_left(value, zeros);
    const auto ones = static_cast<int64_t>((uint64_t{1} << zeros) - 1);
    take_if_shorter(best, shifted, StepKind::Srli, static_cast<int32_t>(zeros), features);
    take_if_shorter(best, shifted | ones, StepKind::Srli, static_cast<int32_t>(zeros), features);
    if (features.zba && value >> 32 == 0) {
      take_if_shorter(best, static_cast<int32_t>(value), StepKind::ZextW, 0, features);
    }
  }
  if (features.zbs) {
    // One bit apart from a value that two instructions make.
    const uint64_t upper =
        static_cast<uint64_t>(value) ^ static_cast<uint64_t>(int64_t{static_cast<int32_t>(value)});
    if (std::has_single_bit(upper)) {
      const int bit = std::countr_zero(upper);
      take_if_shorter(best, static_cast<int32_t>(value),
                      (value >> bit & 1) != 0 ? StepKind::Bseti : StepKind::Bclri, bit, features);
    }
    if (value < 0) {
      take_if_shorter(best, value & INT64_MAX, StepKind::Bseti, 63, features);
    } else {
      take_if_shorter(best, value | INT64_MIN, StepKind::Bclri, 63, features);
    }
  }
  return best;
}

}  // namespace

uint32_t MacroAssembler::li_cost(int64_t value) const {
  if (fits_imm12(value)) return 1;
  return constant_sequence(value, features()).size;
}

void MacroAssembler::li_slow(Gpr rd, int64_t value) {
  if (fits_imm32(value)) {
    const auto [high, low] = encode::split32(static_cast<int32_t>(value));
    lui(rd, high);
    if (low != 0) addiw(rd, rd, low);
    return;
  }
  const Sequence sequence = constant_sequence(value, features());
  Gpr source = Gpr::Zero;
  for (uint32_t i = 0; i < sequence.size; ++i) {
    const auto [kind, operand] = sequence.steps[i];
    const auto amount = static_cast<uint32_t>(operand);
    switch (kind) {
      case StepKind::Lui:
        lui(rd, amount);
        break;
      case StepKind::Addi:
        addi(rd, source, operand);
        break;
      case StepKind::Addiw:
        addiw(rd, source, operand);
        break;
      case StepKind::Slli:
        slli(rd, source, amount);
        break;
      case StepKind::Srli:
        srli(rd, source, amount);
        break;
      case StepKind::SlliUw:
        slli_uw(rd, source, amount);
        break;
      case StepKind::ZextW:
        add_uw(rd, source, Gpr::Zero);
        break;
      case StepKind::Bseti:
        bseti(rd, source, amount);
        break;
      case StepKind::Bclri:
        bclri(rd, source, amount);
        break;
    }
    source = rd;
  }
}

// ---- Arithmetic with constants ----

void MacroAssembler::add_imm(Gpr rd, Gpr rs, int64_t value, Width width) {
  const bool narrow = width == Width::W32;
  if (fits_imm12(value)) {
    if (value == 0 && !narrow) return mv(rd, rs);
    const auto imm = static_cast<int32_t>(value);
    return narrow ? addiw(rd, rs, imm) : addi(rd, rs, imm);
  }
  if (value >= -4096 && value <= 4094) {
    const int32_t half = static_cast<int32_t>(value) / 2;
    const int32_t rest = static_cast<int32_t>(value) - half;
    addi(rd, rs, half);
    return narrow ? addiw(rd, rd, rest) : addi(rd, rd, rest);
  }
  li(kScratch, value);
  narrow ? addw(rd, rs, kScratch) : add(rd, rs, kScratch);
}

void MacroAssembler::and_imm(Gpr rd, Gpr rs, int64_t value) {
  const auto bits = static_cast<uint64_t>(value);
  if (fits_imm12(value)) return andi(rd, rs, static_cast<int32_t>(value));
  if (bits == 0xffff) return extend16_unsigned(rd, rs);
  if (bits == 0xffff'ffff) return zext_w(rd, rs);
  if (features().zbs && std::has_single_bit(~bits)) {
    return bclri(rd, rs, static_cast<uint32_t>(std::countr_zero(~bits)));
  }
  if ((bits & (bits + 1)) == 0) {  // a run of ones from bit 0
    const auto shift = static_cast<uint32_t>(std::countl_zero(bits));
    slli(rd, rs, shift);
    return srli(rd, rd, shift);
  }
  li(kScratch, value);
  and_(rd, rs, kScratch);
}

void MacroAssembler::or_imm(Gpr rd, Gpr rs, int64_t value) {
  const auto bits = static_cast<uint64_t>(value);
  if (fits_imm12(value)) return ori(rd, rs, static_cast<int32_t>(value));
  if (features().zbs && std::has_single_bit(bits)) {
    return bseti(rd, rs, static_cast<uint32_t>(std::countr_zero(bits)));
  }
  li(kScratch, value);
  or_(rd, rs, kScratch);
}

void MacroAssembler::xor_imm(Gpr rd, Gpr rs, int64_t value) {
  const auto bits = static_cast<uint64_t>(value);
  if (fits_imm12(value)) return xori(rd, rs, static_cast<int32_t>(value));
  if (features().zbs && std::has_single_bit(bits)) {
    return binvi(rd, rs, static_cast<uint32_t>(std::countr_zero(bits)));
  }
  li(kScratch, value);
  xor_(rd, rs, kScratch);
}

void MacroAssembler::neg(Gpr rd, Gpr rs, Width width) {
  width == Width::W32 ? subw(rd, Gpr::Zero, rs) : sub(rd, Gpr::Zero, rs);
}

// ---- Extensions ----

void MacroAssembler::zext_w(Gpr rd, Gpr rs) {
  if (features().zba) return add_uw(rd, rs, Gpr::Zero);
  slli(rd, rs, 32);
  srli(rd, rd, 32);
}

void MacroAssembler::extend8_signed(Gpr rd, Gpr rs) {
  if (features().zbb) return sext_b(rd, rs);
  slli(rd, rs, 56);
  srai(rd, rd, 56);
}

void MacroAssembler::extend16_signed(Gpr rd, Gpr rs) {
  if (features().zbb) return sext_h(rd, rs);
  slli(rd, rs, 48);
  srai(rd, rd, 48);
}

void MacroAssembler::extend16_unsigned(Gpr rd, Gpr rs) {
  if (features().zbb) return zext_h(rd, rs);
  slli(rd, rs, 48);
  srli(rd, rd, 48);
}

// ---- Comparisons and selection ----

void MacroAssembler::set_if(Condition c, Gpr rd, Gpr a, Gpr b) {
  switch (c) {
    case Condition::Eq:
      if (b == Gpr::Zero) return set_if_zero(rd, a);
      xor_(rd, a, b);
      return set_if_zero(rd, rd);
    case Condition::Ne:
      if (b == Gpr::Zero) return set_if_not_zero(rd, a);
      xor_(rd, a, b);
      return set_if_not_zero(rd, rd);
    case Condition::LtS:
      return slt(rd, a, b);
    case Condition::GtS:
      return slt(rd, b, a);
    case Condition::LtU:
      return sltu(rd, a, b);
    case Condition::GtU:
      return sltu(rd, b, a);
    case Condition::GeS:
      slt(rd, a, b);
      break;
    case Condition::LeS:
      slt(rd, b, a);
      break;
    case Condition::GeU:
      sltu(rd, a, b);
      break;
    case Condition::LeU:
      sltu(rd, b, a);
      break;
  }
  xori(rd, rd, 1);
}

void MacroAssembler::set_if_imm(Condition c, Gpr rd, Gpr a, int64_t b) {
  const bool fits = fits_imm12(b);
  const bool next_fits = b != INT64_MAX && fits_imm12(b + 1);
  const auto imm = static_cast<int32_t>(b);
  switch (c) {
    case Condition::Eq:
    case Condition::Ne:
      if (b == 0) return set_if(c, rd, a, Gpr::Zero);
      if (!fits) break;
      xori(rd, a, imm);
      return set_if(c, rd, rd, Gpr::Zero);
    case Condition::LtS:
      if (fits) return slti(rd, a, imm);
      break;
    case Condition::LtU:
      if (fits) return sltiu(rd, a, imm);
      break;
    case Condition::LeS:
      if (next_fits) return slti(rd, a, imm + 1);
      break;
    case Condition::LeU:
      if (next_fits && b != -1) return sltiu(rd, a, imm + 1);
      break;
    case Condition::GeS:
      if (!fits) break;
      slti(rd, a, imm);
      return xori(rd, rd, 1);
    case Condition::GeU:
      if (!fits) break;
      sltiu(rd, a, imm);
      return xori(rd, rd, 1);
    case Condition::GtS:
      if (!next_fits) break;
      if (b == 0) return slt(rd, Gpr::Zero, a);
      slti(rd, a, imm + 1);
      return xori(rd, rd, 1);
    case Condition::GtU:
      if (b == 0) return set_if_not_zero(rd, a);
      if (!next_fits || b == -1) break;
      sltiu(rd, a, imm + 1);
      return xori(rd, rd, 1);
  }
  li(kScratch, b);
  set_if(c, rd, a, kScratch);
}

void MacroAssembler::select(Gpr rd, Gpr condition, Gpr a, Gpr b) {
  if (a == b) return mv(rd, a);
  if (rd == a && rd != condition) {
    skip_if(Condition::Ne, condition, Gpr::Zero, 1);
    mv(rd, b);
  } else if (rd == b && rd != condition) {
    skip_if(Condition::Eq, condition, Gpr::Zero, 1);
    mv(rd, a);
  } else if (rd != condition) {
    mv(rd, a);
    skip_if(Condition::Ne, condition, Gpr::Zero, 1);
    mv(rd, b);
  } else if (a == condition) {
    // The register is its own value where it is not zero.
    skip_if(Condition::Ne, condition, Gpr::Zero, 1);
    mv(rd, b);
  } else {
    skip_if(Condition::Ne, condition, Gpr::Zero, 2);
    addi(rd, b, 0);
    skip(1);
    addi(rd, a, 0);
  }
  barrier();
}

void MacroAssembler::select(Fpr rd, Gpr condition, Fpr a, Fpr b) {
  if (rd == a) {
    if (a == b) return;
    skip_if(Condition::Ne, condition, Gpr::Zero, 1);
    fsgnj_d(rd, b, b);
  } else if (rd == b) {
    skip_if(Condition::Eq, condition, Gpr::Zero, 1);
    fsgnj_d(rd, a, a);
  } else {
    fsgnj_d(rd, a, a);
    skip_if(Condition::Ne, condition, Gpr::Zero, 1);
    fsgnj_d(rd, b, b);
  }
  barrier();
}

// ---- Bits ----

void MacroAssembler::rotate_left(Gpr rd, Gpr a, Gpr amount, Width width) {
  const bool narrow = width == Width::W32;
  if (features().zbb) return narrow ? rolw(rd, a, amount) : rol(rd, a, amount);
  sub(kScratch, Gpr::Zero, amount);
  narrow ? srlw(kScratch, a, kScratch) : srl(kScratch, a, kScratch);
  narrow ? sllw(rd, a, amount) : sll(rd, a, amount);
  or_(rd, rd, kScratch);
}

void MacroAssembler::rotate_right(Gpr rd, Gpr a, Gpr amount, Width width) {
  const bool narrow = width == Width::W32;
  if (features().zbb) return narrow ? rorw(rd, a, amount) : ror(rd, a, amount);
  sub(kScratch, Gpr::Zero, amount);
  narrow ? sllw(kScratch, a, kScratch) : sll(kScratch, a, kScratch);
  narrow ? srlw(rd, a, amount) : srl(rd, a, amount);
  or_(rd, rd, kScratch);
}

void MacroAssembler::rotate_right_imm(Gpr rd, Gpr a, uint32_t amount, Width width) {
  const bool narrow = width == Width::W32;
  const uint32_t bits = narrow ? 32 : 64;
  amount &= bits - 1;
  if (amount == 0) return mv(rd, a);
  if (features().zbb) return narrow ? roriw(rd, a, amount) : rori(rd, a, amount);
  narrow ? slliw(kScratch, a, bits - amount) : slli(kScratch, a, bits - amount);
  narrow ? srliw(rd, a, amount) : srli(rd, a, amount);
  or_(rd, rd, kScratch);
}

void MacroAssembler::rotate_left_imm(Gpr rd, Gpr a, uint32_t amount, Width width) {
  const uint32_t bits = width == Width::W32 ? 32 : 64;
  rotate_right_imm(rd, a, (bits - (amount & (bits - 1))) & (bits - 1), width);
}

// Binary search: moves `temporary` towards the counted end by 32, 16, … while that end is zero. What is left decides
// between 63 and 64.
void MacroAssembler::count_ladder(Gpr rd, Gpr temporary, bool leading) {
  addi(rd, Gpr::Zero, 0);
  for (uint32_t step = 32; step != 0; step /= 2) {
    leading ? srli(kScratch, temporary, 64 - step) : slli(kScratch, temporary, 64 - step);
    skip_if(Condition::Ne, kScratch, Gpr::Zero, 2);
    addi(rd, rd, static_cast<int32_t>(step));
    leading ? slli(temporary, temporary, step) : srli(temporary, temporary, step);
  }
  leading ? srli(kScratch, temporary, 63) : andi(kScratch, temporary, 1);
  xori(kScratch, kScratch, 1);
  add(rd, rd, kScratch);
}

void MacroAssembler::count_leading_zeros(Gpr rd, Gpr rs, Width width, Gpr temporary) {
  const bool narrow = width == Width::W32;
  if (features().zbb) return narrow ? clzw(rd, rs) : clz(rd, rs);
  if (narrow) {
    // The value on top, a one right below it.
    li(kScratch, int64_t{1} << 31);
    slli(temporary, rs, 32);
    or_(temporary, temporary, kScratch);
  } else {
    mv(temporary, rs);
  }
  count_ladder(rd, temporary, true);
}

void MacroAssembler::count_trailing_zeros(Gpr rd, Gpr rs, Width width, Gpr temporary) {
  const bool narrow = width == Width::W32;
  if (features().zbb) return narrow ? ctzw(rd, rs) : ctz(rd, rs);
  if (narrow) {
    li(kScratch, int64_t{1} << 32);
    or_(temporary, rs, kScratch);
  } else {
    mv(temporary, rs);
  }
  count_ladder(rd, temporary, false);
}

void MacroAssembler::count_ones(Gpr rd, Gpr rs, Width width, Gpr temporary) {
  const bool narrow = width == Width::W32;
  if (features().zbb) return narrow ? cpopw(rd, rs) : cpop(rd, rs);
  // One round for each bit that is set.
  narrow ? zext_w(temporary, rs) : mv(temporary, rs);
  addi(rd, Gpr::Zero, 0);
  skip_if(Condition::Eq, temporary, Gpr::Zero, 4);
  addi(kScratch, temporary, -1);
  and_(temporary, temporary, kScratch);
  addi(rd, rd, 1);
  jal(Gpr::Zero, -16);
  barrier();
}

// ---- Division ----

void MacroAssembler::divide_signed(Gpr rd, Gpr a, Gpr b, Width width, uint32_t wasm_offset) {
  const bool narrow = width == Width::W32;
  trap_if(Condition::Eq, b, Gpr::Zero, abi::TrapKind::IntegerDivideByZero, wasm_offset);
  const int64_t minimum = narrow ? int64_t{INT32_MIN} : INT64_MIN;
  addi(kScratch, b, 1);
  skip_if(Condition::Ne, kScratch, Gpr::Zero, li_cost(minimum) + 1);
  li(kScratch, minimum);
  trap_if(Condition::Eq, a, kScratch, abi::TrapKind::IntegerOverflow, wasm_offset);
  narrow ? divw(rd, a, b) : div(rd, a, b);
}

void MacroAssembler::divide_unsigned(Gpr rd, Gpr a, Gpr b, Width width, uint32_t wasm_offset) {
  trap_if(Condition::Eq, b, Gpr::Zero, abi::TrapKind::IntegerDivideByZero, wasm_offset);
  width == Width::W32 ? divuw(rd, a, b) : divu(rd, a, b);
}

// MIN % -1 is 0, as the instruction has it.
void MacroAssembler::remainder_signed(Gpr rd, Gpr a, Gpr b, Width width, uint32_t wasm_offset) {
  trap_if(Condition::Eq, b, Gpr::Zero, abi::TrapKind::IntegerDivideByZero, wasm_offset);
  width == Width::W32 ? remw(rd, a, b) : rem(rd, a, b);
}

void MacroAssembler::remainder_unsigned(Gpr rd, Gpr a, Gpr b, Width width, uint32_t wasm_offset) {
  trap_if(Condition::Eq, b, Gpr::Zero, abi::TrapKind::IntegerDivideByZero, wasm_offset);
  width == Width::W32 ? remuw(rd, a, b) : remu(rd, a, b);
}

// ---- Memory ----

MacroAssembler::Address MacroAssembler::reachable_slow(Gpr base, int64_t offset) {
  DEBUG_ASSERT(base != kScratch);
  const int64_t low = shift_left(offset, 52) >> 52;
  li(kScratch, static_cast<int64_t>(static_cast<uint64_t>(offset) - static_cast<uint64_t>(low)));
  add(kScratch, kScratch, base);
  return {kScratch, static_cast<int32_t>(low)};
}

}  // namespace nacre::riscv64
