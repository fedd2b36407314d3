// Floating-point instructions, and conversions between floats and integers.
#include "function_compiler.hh"

namespace nacre::baseline {
namespace {

namespace op = riscv64::op;
using riscv64::Rounding;

[[nodiscard]] ValType type_of(FloatWidth width) {
  return width == FloatWidth::F32 ? ValType::F32 : ValType::F64;
}
[[nodiscard]] FloatWidth width_of(ValType type) {
  return type == ValType::F32 ? FloatWidth::F32 : FloatWidth::F64;
}
// The f64 instructions follow the f32 ones in the same order.
[[nodiscard]] Opcode as_f32(Opcode opcode, FloatWidth width) {
  if (width == FloatWidth::F32) return opcode;
  return static_cast<Opcode>(static_cast<unsigned>(opcode) - static_cast<unsigned>(Opcode::F64Abs) +
                             static_cast<unsigned>(Opcode::F32Abs));
}

}  // namespace

void FunctionCompiler::unary_float(Opcode opcode) {
  const FloatWidth width = opcode >= Opcode::F64Abs ? FloatWidth::F64 : FloatWidth::F32;
  const Reg a = use(pop());
  release(a);
  const Reg r = allocate_float();
  switch (as_f32(opcode, width)) {
    case Opcode::F32Abs:
      masm_.float_abs(fpr(r), fpr(a), width);
      break;
    case Opcode::F32Neg:
      masm_.float_neg(fpr(r), fpr(a), width);
      break;
    case Opcode::F32Ceil:
      masm_.float_round(fpr(r), fpr(a), Rounding::Up, width);
      break;
    case Opcode::F32Floor:
      masm_.float_round(fpr(r), fpr(a), Rounding::Down, width);
      break;
    case Opcode::F32Trunc:
      masm_.float_round(fpr(r), fpr(a), Rounding::TowardZero, width);
      break;
    case Opcode::F32Nearest:
      masm_.float_round(fpr(r), fpr(a), Rounding::NearestEven, width);
      break;
    default:
      masm_.emit_f(width == FloatWidth::F32 ? op::fsqrt_s : op::fsqrt_d, fpr(r), fpr(a), Fpr::Ft0);
      break;
  }
  push_register(type_of(width), r);
}

void FunctionCompiler::binary_float(Opcode opcode) {
  masm_.checkpoint();
  const FloatWidth width = opcode >= Opcode::F64Abs ? FloatWidth::F64 : FloatWidth::F32;
  const bool single = width == FloatWidth::F32;
  const Reg b = use(pop());
  const Reg a = use(pop());
  release(a);
  release(b);
  const Reg r = allocate_float();
  uint32_t bits = 0;
  switch (as_f32(opcode, width)) {
    case Opcode::F32Add:
      bits = single ? op::fadd_s : op::fadd_d;
      break;
    case Opcode::F32Sub:
      bits = single ? op::fsub_s : op::fsub_d;
      break;
    case Opcode::F32Mul:
      bits = single ? op::fmul_s : op::fmul_d;
      break;
    case Opcode::F32Div:
      bits = single ? op::fdiv_s : op::fdiv_d;
      break;
    case Opcode::F32Copysign:
      bits = single ? op::fsgnj_s : op::fsgnj_d;
      break;
    case Opcode::F32Min:
      masm_.float_min(fpr(r), fpr(a), fpr(b), width);
      break;
    default:
      masm_.float_max(fpr(r), fpr(a), fpr(b), width);
      break;
  }
  if (bits != 0) masm_.emit_f(bits, fpr(r), fpr(a), fpr(b));
  push_register(type_of(width), r);
}

// Greater-than is less-than of swapped operands; not-equal is the opposite of equal, which a branch absorbs.
void FunctionCompiler::compare_floats(Opcode opcode) {
  masm_.checkpoint();
  const bool single = opcode < Opcode::F64Eq;
  const auto index =
      static_cast<unsigned>(opcode) - static_cast<unsigned>(single ? Opcode::F32Eq : Opcode::F64Eq);
  constexpr uint32_t kSingle[] = {op::feq_s, op::feq_s, op::flt_s, op::flt_s, op::fle_s, op::fle_s};
  constexpr uint32_t kDouble[] = {op::feq_d, op::feq_d, op::flt_d, op::flt_d, op::fle_d, op::fle_d};
  const bool is_ne = index == 1;
  const bool swaps = index == 3 || index == 5;
  const Reg b = use(pop());
  const Reg a = use(pop());
  release(a);
  release(b);
  const Reg r = allocate_integer();
  masm_.emit_fcompare(single ? kSingle[index] : kDouble[index], gpr(r), fpr(swaps ? b : a),
                      fpr(swaps ? a : b));
  if (!is_ne) return push_register(ValType::I32, r);
  pool_.retain(kZero);
  push(Value::compare(Condition::Eq, r, kZero));
}

// ---- Conversions -------------------------------------------------------------------------------

void FunctionCompiler::convert_float(Opcode opcode) {
  const auto code = static_cast<unsigned>(opcode);
  const bool truncates = (opcode >= Opcode::I32TruncF32S && opcode <= Opcode::I32TruncF64U) ||
                         (opcode >= Opcode::I64TruncF32S && opcode <= Opcode::I64TruncF64U);
  if (truncates || code >= static_cast<unsigned>(Opcode::I32TruncSatF32S)) return truncate(opcode);
  const wasm::OpcodeInfo& info = wasm::info_of(opcode);
  const Value value = pop();
  if (is_float(info.first)) {
    const Reg a = use(value);
    release(a);
    const Reg r = allocate(info.result);
    switch (opcode) {
      case Opcode::F32DemoteF64:
        masm_.fcvt_s_d(fpr(r), fpr(a));
        break;
      case Opcode::F64PromoteF32:
        masm_.fcvt_d_s(fpr(r), fpr(a));
        break;
      default:
        masm_.reinterpret(gpr(r), fpr(a), width_of(info.first));
        break;
    }
    return push_register(info.result, r);
  }
  const bool reinterprets =
      opcode == Opcode::F32ReinterpretI32 || opcode == Opcode::F64ReinterpretI64;
  const Reg a = use(value);
  release(a);
  const Reg r = allocate_float();
  if (reinterprets) {
    masm_.reinterpret(fpr(r), gpr(a), width_of(info.result));
  } else {
    const bool is_unsigned = opcode == Opcode::F32ConvertI32U || opcode == Opcode::F32ConvertI64U ||
                             opcode == Opcode::F64ConvertI32U || opcode == Opcode::F64ConvertI64U;
    masm_.convert(fpr(r), width_of(info.result), gpr(a),
                  info.first == ValType::I64 ? Width::W64 : Width::W32,
                  is_unsigned ? Signedness::Unsigned : Signedness::Signed);
  }
  push_register(info.result, r);
}

// Both families list, for i32 and for i64: f32_s, f32_u, f64_s, f64_u.
void FunctionCompiler::truncate(Opcode opcode) {
  const wasm::OpcodeInfo& info = wasm::info_of(opcode);
  const bool saturates = opcode >= Opcode::I32TruncSatF32S;
  const Opcode first = saturates                     ? Opcode::I32TruncSatF32S
                       : info.result == ValType::I64 ? Opcode::I64TruncF32S
                                                     : Opcode::I32TruncF32S;
  const auto index = static_cast<unsigned>(opcode) - static_cast<unsigned>(first);
  const Signedness sign = index % 2 == 0 ? Signedness::Signed : Signedness::Unsigned;
  const Width to = info.result == ValType::I64 ? Width::W64 : Width::W32;
  const Reg a = use(pop());
  release(a);
  const Reg r = allocate_integer();
  if (saturates) {
    masm_.truncate_saturating(gpr(r), to, sign, fpr(a), width_of(info.first));
  } else {
    masm_.truncate_trapping(gpr(r), to, sign, fpr(a), width_of(info.first), decoder_.offset());
  }
  push_register(info.result, r);
}

}  // namespace nacre::baseline
