// Operand packing for each instruction format, and its inverse for the few fields that patching
// needs. Immediates are truncated to their field; callers see to ranges (`fits_…`). Unprivileged
// ISA, "Immediate encoding variants".
#pragma once

#include <cstdint>

#include "nacre/engine/isa/riscv64/instructions.hh"
#include "nacre/engine/isa/riscv64/registers.hh"

namespace nacre::riscv64 {

// Signed immediates of the I and S formats.
[[nodiscard]] constexpr bool fits_imm12(int64_t value) {
  return value >= -2048 && value <= 2047;
}
[[nodiscard]] constexpr bool fits_imm32(int64_t value) {
  return value == static_cast<int32_t>(value);
}
// Byte distances of conditional branches (±4 KiB) and of jal (±1 MiB).
[[nodiscard]] constexpr bool fits_branch(int64_t distance) {
  return distance >= -4096 && distance <= 4094;
}
[[nodiscard]] constexpr bool fits_jump(int64_t distance) {
  return distance >= -(int64_t{1} << 20) && distance < (int64_t{1} << 20);
}

namespace encode {

template <class R>
[[nodiscard]] constexpr uint32_t rd(R r) {
  return code_of(r) << 7;
}
template <class R>
[[nodiscard]] constexpr uint32_t rs1(R r) {
  return code_of(r) << 15;
}
template <class R>
[[nodiscard]] constexpr uint32_t rs2(R r) {
  return code_of(r) << 20;
}
[[nodiscard]] constexpr uint32_t rs3(Fpr r) {
  return code_of(r) << 27;
}
[[nodiscard]] constexpr uint32_t rm(Rounding mode) {
  return static_cast<uint32_t>(mode) << 12;
}
[[nodiscard]] constexpr uint32_t imm_i(int32_t imm) {
  return static_cast<uint32_t>(imm) << 20;
}
[[nodiscard]] constexpr uint32_t imm_s(int32_t imm) {
  const auto bits = static_cast<uint32_t>(imm);
  return (bits & 0x1f) << 7 | (bits & 0xfe0) << 20;
}
[[nodiscard]] constexpr uint32_t imm_b(int32_t distance) {
  const auto bits = static_cast<uint32_t>(distance);
  return (bits >> 11 & 1) << 7 | (bits & 0x1e) << 7 | (bits & 0x7e0) << 20 | (bits >> 12 & 1) << 31;
}
[[nodiscard]] constexpr uint32_t imm_j(int32_t distance) {
  const auto bits = static_cast<uint32_t>(distance);
  return (bits & 0xff000) | (bits >> 11 & 1) << 20 | (bits & 0x7fe) << 20 | (bits >> 20 & 1) << 31;
}
// `imm` is the upper 20 bits as a number (0 … 0xfffff), as in assembly text.
[[nodiscard]] constexpr uint32_t imm_u(uint32_t imm) {
  return imm << 12;
}

inline constexpr uint32_t kBranchImmediateMask = 0xfe000f80;
inline constexpr uint32_t kJumpImmediateMask = 0xfffff000;

// A 32-bit pc-relative distance in two parts, for auipc/lui and a following 12-bit immediate.
struct HighLow {
  uint32_t high;  // for imm_u
  int32_t low;    // sign-extended 12 bits
};
[[nodiscard]] constexpr HighLow split32(int32_t value) {
  const uint32_t rounded = static_cast<uint32_t>(value) + 0x800;
  return {rounded >> 12, static_cast<int32_t>(static_cast<uint32_t>(value) << 20) >> 20};
}

}  // namespace encode

// Whether bits 7–11 of an instruction name a general (floating-point) register that it defines.
// Calls are left out: what they define is no value.
[[nodiscard]] constexpr bool destination_is(uint32_t word, bool fpr) {
  constexpr auto kMajor = [](uint32_t bits) { return 1u << (bits >> 2 & 31); };
  constexpr uint32_t kGprMajors = kMajor(op::ld) | kMajor(op::addi) | kMajor(op::auipc) |
                                  kMajor(op::addiw) | kMajor(op::add) | kMajor(op::lui) |
                                  kMajor(op::addw);
  constexpr uint32_t kFprMajors = kMajor(op::fld) | kMajor(op::fmadd_s) | kMajor(op::fmsub_s) |
                                  kMajor(op::fnmsub_s) | kMajor(op::fnmadd_s);
  if ((kMajor(word) & (fpr ? kFprMajors : kGprMajors)) != 0) return true;
  if ((word & 0x7f) != (op::fadd_s & 0x7f)) return false;
  // OP-FP: comparisons, conversions to integers, and moves to them define general registers.
  const uint32_t operation = word >> 27;
  const bool writes_gpr = operation == op::feq_s >> 27 || operation == op::fcvt_w_s >> 27 ||
                          operation == op::fmv_x_w >> 27;
  return writes_gpr != fpr;
}

}  // namespace nacre::riscv64
