// Floating-point sequences with WebAssembly's semantics (core specification §4.3.3) on F and D, without Zfa. The hardware
// already delivers canonical NaNs, saturates conversions and orders zeros in fmin and fmax; what differs is NaN in min,
// max and conversions, and rounding to integral values, which has no instruction.
#include "nacre/engine/isa/riscv64/macro_assembler.hh"

namespace nacre::riscv64 {

namespace {

// The D forms of OP-FP instructions are the S forms with fmt = 01.
constexpr uint32_t kDouble = op::fadd_d - op::fadd_s;
[[nodiscard]] constexpr uint32_t sized(uint32_t single, FloatWidth width) {
  return width == FloatWidth::F64 ? single | kDouble : single;
}
static_assert(sized(op::fcvt_lu_s, FloatWidth::F64) == op::fcvt_lu_d);
static_assert(sized(op::fcvt_s_lu, FloatWidth::F64) == op::fcvt_d_lu);
static_assert(sized(op::fmv_x_w, FloatWidth::F64) == (op::fmv_x_d));

[[nodiscard]] constexpr uint32_t to_integer(Gpr rd, Fpr fs, uint32_t single, FloatWidth from) {
  return sized(single, from) | encode::rd(rd) | encode::rs1(fs) | encode::rm(Rounding::TowardZero);
}
// Field rs2 of the conversions picks the integer type: w, wu, l, lu.
[[nodiscard]] constexpr uint32_t integer_field(Width width, Signedness sign) {
  return (width == Width::W64 ? 2u : 0u) << 20 | (sign == Signedness::Unsigned ? 1u : 0u) << 20;
}

}  // namespace

void MacroAssembler::fmv(Fpr fd, Fpr fs, FloatWidth width) {
  if (fd != fs) emit_f(sized(op::fsgnj_s, width), fd, fs, fs);
}

void MacroAssembler::float_constant(Fpr fd, uint64_t bits, FloatWidth width) {
  const int64_t value =
      width == FloatWidth::F32 ? int64_t{static_cast<int32_t>(bits)} : static_cast<int64_t>(bits);
  const Gpr source = value == 0 ? Gpr::Zero : kScratch;
  if (value != 0) li(kScratch, value);
  reinterpret(fd, source, width);
}

void MacroAssembler::float_neg(Fpr fd, Fpr fs, FloatWidth width) {
  emit_f(sized(op::fsgnjn_s, width), fd, fs, fs);
}

void MacroAssembler::float_abs(Fpr fd, Fpr fs, FloatWidth width) {
  emit_f(sized(op::fsgnjx_s, width), fd, fs, fs);
}

void MacroAssembler::copysign(Fpr fd, Fpr magnitude, Fpr sign, FloatWidth width) {
  emit_f(sized(op::fsgnj_s, width), fd, magnitude, sign);
}

// fmin and fmax ignore a NaN operand; so they are used only where the operands compare. Else their sum is a NaN.
void MacroAssembler::float_extremum(uint32_t bits, Fpr fd, Fpr a, Fpr b, FloatWidth width) {
  emit_fcompare(sized(op::fle_s, width), kScratch, a, b);
  skip_if(Condition::Ne, kScratch, Gpr::Zero, 4);
  emit_fcompare(sized(op::flt_s, width), kScratch, b, a);
  skip_if(Condition::Ne, kScratch, Gpr::Zero, 2);
  emit_f(sized(op::fadd_s, width), fd, a, b);
  skip(1);
  emit_f(sized(bits, width), fd, a, b);
  barrier();
}

void MacroAssembler::float_min(Fpr fd, Fpr a, Fpr b, FloatWidth width) {
  float_extremum(op::fmin_s, fd, a, b, width);
}

void MacroAssembler::float_max(Fpr fd, Fpr a, Fpr b, FloatWidth width) {
  float_extremum(op::fmax_s, fd, a, b, width);
}

// Values whose exponent leaves no fraction (infinities and NaN among them) are their own result, apart from making a NaN
// quiet; the others go through a 64-bit integer and get their sign back, for the zeros.
void MacroAssembler::float_round(Fpr fd, Fpr fs, Rounding mode, FloatWidth width) {
  const bool is_double = width == FloatWidth::F64;
  reinterpret(kScratch, fs, width);
  slli(kScratch, kScratch, is_double ? 1 : 33);
  srli(kScratch, kScratch, is_double ? 53 : 56);
  sltiu(kScratch, kScratch, is_double ? 1023 + 52 : 127 + 23);
  skip_if(Condition::Ne, kScratch, Gpr::Zero, 2);
  emit_f(sized(op::fmin_s, width), fd, fs, fs);
  skip(3);
  emit(sized(op::fcvt_l_s, width) | encode::rd(kScratch) | encode::rs1(fs) | encode::rm(mode));
  emit(sized(op::fcvt_s_l, width) | encode::rd(kFloatScratch) | encode::rs1(kScratch));
  copysign(fd, kFloatScratch, fs, width);
  barrier();
}

void MacroAssembler::set_if_float(FloatCondition c, Gpr rd, Fpr a, Fpr b, FloatWidth width) {
  switch (c) {
    case FloatCondition::Eq:
      return emit_fcompare(sized(op::feq_s, width), rd, a, b);
    case FloatCondition::Lt:
      return emit_fcompare(sized(op::flt_s, width), rd, a, b);
    case FloatCondition::Gt:
      return emit_fcompare(sized(op::flt_s, width), rd, b, a);
    case FloatCondition::Le:
      return emit_fcompare(sized(op::fle_s, width), rd, a, b);
    case FloatCondition::Ge:
      return emit_fcompare(sized(op::fle_s, width), rd, b, a);
    case FloatCondition::Ne:
      emit_fcompare(sized(op::feq_s, width), rd, a, b);
      return xori(rd, rd, 1);
  }
}

void MacroAssembler::branch_float(FloatCondition c, bool expected, Fpr a, Fpr b, FloatWidth width,
                                  Label& label) {
  const bool negated = c == FloatCondition::Ne;
  set_if_float(negated ? FloatCondition::Eq : c, kScratch, a, b, width);
  branch(expected != negated ? Condition::Ne : Condition::Eq, kScratch, Gpr::Zero, label);
}

// ---- Conversions ----

// The instruction saturates, but takes NaN for the largest value.
void MacroAssembler::truncate_saturating(Gpr rd, Width to, Signedness sign, Fpr fs,
                                         FloatWidth from) {
  emit(to_integer(rd, fs, op::fcvt_w_s | integer_field(to, sign), from));
  emit_fcompare(sized(op::feq_s, from), kScratch, fs, fs);
  skip_if(Condition::Ne, kScratch, Gpr::Zero, 1);
  addi(rd, Gpr::Zero, 0);
  barrier();
}

// 32-bit results are converted to 64 bits and fit, or do not; 64-bit results that are not an end of the range are right.
// The slow paths tell NaN from overflow and the legitimate ends from saturation.
void MacroAssembler::truncate_trapping(Gpr rd, Width to, Signedness sign, Fpr fs, FloatWidth from,
                                       uint32_t wasm_offset) {
  using abi::TrapKind;
  const bool is_signed = sign == Signedness::Signed;
  const uint32_t is_number = sized(op::feq_s, from);
  if (to == Width::W32) {
    emit(to_integer(kScratch, fs, op::fcvt_l_s, from));
    is_signed ? sext_w(rd, kScratch) : zext_w(rd, kScratch);
    skip_if(Condition::Eq, rd, kScratch, 3);
    emit_fcompare(is_number, kScratch, fs, fs);
    trap_if(Condition::Eq, kScratch, Gpr::Zero, TrapKind::InvalidConversion, wasm_offset);
    trap_if(Condition::Eq, Gpr::Zero, Gpr::Zero, TrapKind::IntegerOverflow, wasm_offset);
    if (!is_signed) sext_w(rd, rd);
  } else if (is_signed) {
    emit(to_integer(rd, fs, op::fcvt_l_s, from));
    srai(kScratch, rd, 63);
    xor_(kScratch, kScratch, rd);
    addi(kScratch, kScratch, 1);  // negative for both ends
    skip_if(Condition::GeS, kScratch, Gpr::Zero, 6);
    emit_fcompare(is_number, kScratch, fs, fs);
    trap_if(Condition::Eq, kScratch, Gpr::Zero, TrapKind::InvalidConversion, wasm_offset);
    trap_if(Condition::GeS, rd, Gpr::Zero, TrapKind::IntegerOverflow, wasm_offset);
    emit(sized(op::fcvt_s_l, from) | encode::rd(kFloatScratch) | encode::rs1(rd));
    emit_fcompare(sized(op::feq_s, from), kScratch, kFloatScratch, fs);
    trap_if(Condition::Eq, kScratch, Gpr::Zero, TrapKind::IntegerOverflow, wasm_offset);
  } else {
    emit(to_integer(rd, fs, op::fcvt_lu_s, from));
    addi(kScratch, rd, 1);
    sltiu(kScratch, kScratch, 2);  // 0 or the largest
    skip_if(Condition::Eq, kScratch, Gpr::Zero, 7);
    emit_fcompare(is_number, kScratch, fs, fs);
    trap_if(Condition::Eq, kScratch, Gpr::Zero, TrapKind::InvalidConversion, wasm_offset);
    trap_if(Condition::Ne, rd, Gpr::Zero, TrapKind::IntegerOverflow, wasm_offset);
    addi(kScratch, Gpr::Zero, -1);
    emit(sized(op::fcvt_s_l, from) | encode::rd(kFloatScratch) | encode::rs1(kScratch));
    emit_fcompare(sized(op::flt_s, from), kScratch, kFloatScratch, fs);
    trap_if(Condition::Eq, kScratch, Gpr::Zero, TrapKind::IntegerOverflow, wasm_offset);
  }
  barrier();
}

void MacroAssembler::convert(Fpr fd, FloatWidth to, Gpr rs, Width from, Signedness sign) {
  emit(sized(op::fcvt_s_w | integer_field(from, sign), to) | encode::rd(fd) | encode::rs1(rs));
}

void MacroAssembler::reinterpret(Gpr rd, Fpr fs, FloatWidth width) {
  emit(sized(op::fmv_x_w, width) | encode::rd(rd) | encode::rs1(fs));
}

void MacroAssembler::reinterpret(Fpr fd, Gpr rs, FloatWidth width) {
  emit(sized(op::fmv_w_x, width) | encode::rd(fd) | encode::rs1(rs));
}

}  // namespace nacre::riscv64
