// Encoders: one member function an instruction, named as the mnemonic with '_' for '.' (and a
// trailing '_' where C++ has the word), operands in assembly order: `ld(rd, offset, base)` and
// `sd(rs2, offset, base)` for `ld rd, offset(base)`. All are generated from the table in
// instructions.hh. Nothing here checks ranges beyond debug assertions, chooses sequences or knows
// labels: see macro_assembler.hh.
#pragma once

#include <cstdint>

#include "nacre/base/core/panic.hh"
#include "nacre/engine/isa/riscv64/encoding.hh"
#include "nacre/engine/isa/riscv64/instructions.hh"
#include "nacre/engine/isa/riscv64/registers.hh"
#include "nacre/engine/masm/code_buffer.hh"

namespace nacre::riscv64 {

// Words, for those who place instructions themselves (prologues, patches, tests): `word::addi(rd,
// rs1, imm)`.
namespace word {

// Parameters and operands of each format.
#define NACRE_RV64_WORD_R(name, bits)                                   \
  [[nodiscard]] constexpr uint32_t name(Gpr rd, Gpr rs1, Gpr rs2) {     \
    return bits | encode::rd(rd) | encode::rs1(rs1) | encode::rs2(rs2); \
  }
#define NACRE_RV64_WORD_Unary(name, bits)                  \
  [[nodiscard]] constexpr uint32_t name(Gpr rd, Gpr rs1) { \
    return bits | encode::rd(rd) | encode::rs1(rs1);       \
  }
#define NACRE_RV64_WORD_I(name, bits)                                     \
  [[nodiscard]] constexpr uint32_t name(Gpr rd, Gpr rs1, int32_t imm) {   \
    DEBUG_ASSERT(fits_imm12(imm));                                        \
    return bits | encode::rd(rd) | encode::rs1(rs1) | encode::imm_i(imm); \
  }
#define NACRE_RV64_WORD_Shift5(name, bits)                                  \
  [[nodiscard]] constexpr uint32_t name(Gpr rd, Gpr rs1, uint32_t amount) { \
    return bits | encode::rd(rd) | encode::rs1(rs1) | (amount & 31) << 20;  \
  }
#define NACRE_RV64_WORD_Shift6(name, bits)                                  \
  [[nodiscard]] constexpr uint32_t name(Gpr rd, Gpr rs1, uint32_t amount) { \
    return bits | encode::rd(rd) | encode::rs1(rs1) | (amount & 63) << 20;  \
  }
#define NACRE_RV64_WORD_U(name, bits)                           \
  [[nodiscard]] constexpr uint32_t name(Gpr rd, uint32_t imm) { \
    return bits | encode::rd(rd) | encode::imm_u(imm);          \
  }
#define NACRE_RV64_WORD_Load(name, bits)                                      \
  [[nodiscard]] constexpr uint32_t name(Gpr rd, int32_t offset, Gpr base) {   \
    DEBUG_ASSERT(fits_imm12(offset));                                         \
    return bits | encode::rd(rd) | encode::rs1(base) | encode::imm_i(offset); \
  }
#define NACRE_RV64_WORD_JumpReg(name, bits) NACRE_RV64_WORD_Load(name, bits)
#define NACRE_RV64_WORD_Store(name, bits)                                         \
  [[nodiscard]] constexpr uint32_t name(Gpr value, int32_t offset, Gpr base) {    \
    DEBUG_ASSERT(fits_imm12(offset));                                             \
    return bits | encode::rs2(value) | encode::rs1(base) | encode::imm_s(offset); \
  }
#define NACRE_RV64_WORD_Branch(name, bits)                                       \
  [[nodiscard]] constexpr uint32_t name(Gpr rs1, Gpr rs2, int32_t distance) {    \
    DEBUG_ASSERT(fits_branch(distance));                                         \
    return bits | encode::rs1(rs1) | encode::rs2(rs2) | encode::imm_b(distance); \
  }
#define NACRE_RV64_WORD_Jump(name, bits)                            \
  [[nodiscard]] constexpr uint32_t name(Gpr rd, int32_t distance) { \
    DEBUG_ASSERT(fits_jump(distance));                              \
    return bits | encode::rd(rd) | encode::imm_j(distance);         \
  }
#define NACRE_RV64_WORD_None(name, bits)    \
  [[nodiscard]] constexpr uint32_t name() { \
    return bits;                            \
  }
#define NACRE_RV64_WORD_Csr(name, bits)                                                 \
  [[nodiscard]] constexpr uint32_t name(Gpr rd, Csr csr, Gpr rs1) {                     \
    return bits | encode::rd(rd) | encode::rs1(rs1) | static_cast<uint32_t>(csr) << 20; \
  }
#define NACRE_RV64_WORD_CsrImm(name, bits)                                              \
  [[nodiscard]] constexpr uint32_t name(Gpr rd, Csr csr, uint32_t imm) {                \
    return bits | encode::rd(rd) | (imm & 31) << 15 | static_cast<uint32_t>(csr) << 20; \
  }
#define NACRE_RV64_WORD_Amo(name, bits)                                       \
  [[nodiscard]] constexpr uint32_t name(Gpr rd, Gpr rs2, Gpr address,         \
                                        Ordering order = Ordering::Relaxed) { \
    return bits | encode::rd(rd) | encode::rs1(address) | encode::rs2(rs2) |  \
           static_cast<uint32_t>(order) << 25;                                \
  }
#define NACRE_RV64_WORD_LoadReserved(name, bits)                                                   \
  [[nodiscard]] constexpr uint32_t name(Gpr rd, Gpr address, Ordering order = Ordering::Relaxed) { \
    return bits | encode::rd(rd) | encode::rs1(address) | static_cast<uint32_t>(order) << 25;      \
  }
#define NACRE_RV64_WORD_FLoad(name, bits)                                     \
  [[nodiscard]] constexpr uint32_t name(Fpr fd, int32_t offset, Gpr base) {   \
    DEBUG_ASSERT(fits_imm12(offset));                                         \
    return bits | encode::rd(fd) | encode::rs1(base) | encode::imm_i(offset); \
  }
#define NACRE_RV64_WORD_FStore(name, bits)                                        \
  [[nodiscard]] constexpr uint32_t name(Fpr value, int32_t offset, Gpr base) {    \
    DEBUG_ASSERT(fits_imm12(offset));                                             \
    return bits | encode::rs2(value) | encode::rs1(base) | encode::imm_s(offset); \
  }
#define NACRE_RV64_WORD_FR(name, bits)                                  \
  [[nodiscard]] constexpr uint32_t name(Fpr fd, Fpr fs1, Fpr fs2) {     \
    return bits | encode::rd(fd) | encode::rs1(fs1) | encode::rs2(fs2); \
  }
#define NACRE_RV64_WORD_FRound(name, bits)                                                 \
  [[nodiscard]] constexpr uint32_t name(Fpr fd, Fpr fs1, Fpr fs2,                          \
                                        Rounding mode = Rounding::NearestEven) {           \
    return bits | encode::rd(fd) | encode::rs1(fs1) | encode::rs2(fs2) | encode::rm(mode); \
  }
#define NACRE_RV64_WORD_FUnary(name, bits)                 \
  [[nodiscard]] constexpr uint32_t name(Fpr fd, Fpr fs1) { \
    return bits | encode::rd(fd) | encode::rs1(fs1);       \
  }
#define NACRE_RV64_WORD_FUnaryRound(name, bits)                                                   \
  [[nodiscard]] constexpr uint32_t name(Fpr fd, Fpr fs1, Rounding mode = Rounding::NearestEven) { \
    return bits | encode::rd(fd) | encode::rs1(fs1) | encode::rm(mode);                           \
  }
#define NACRE_RV64_WORD_F4(name, bits)                                                      \
  [[nodiscard]] constexpr uint32_t name(Fpr fd, Fpr fs1, Fpr fs2, Fpr fs3,                  \
                                        Rounding mode = Rounding::NearestEven) {            \
    return bits | encode::rd(fd) | encode::rs1(fs1) | encode::rs2(fs2) | encode::rs3(fs3) | \
           encode::rm(mode);                                                                \
  }
#define NACRE_RV64_WORD_FCompare(name, bits)                            \
  [[nodiscard]] constexpr uint32_t name(Gpr rd, Fpr fs1, Fpr fs2) {     \
    return bits | encode::rd(rd) | encode::rs1(fs1) | encode::rs2(fs2); \
  }
#define NACRE_RV64_WORD_FToG(name, bits)                   \
  [[nodiscard]] constexpr uint32_t name(Gpr rd, Fpr fs1) { \
    return bits | encode::rd(rd) | encode::rs1(fs1);       \
  }
#define NACRE_RV64_WORD_FToGRound(name, bits)                                                     \
  [[nodiscard]] constexpr uint32_t name(Gpr rd, Fpr fs1, Rounding mode = Rounding::NearestEven) { \
    return bits | encode::rd(rd) | encode::rs1(fs1) | encode::rm(mode);                           \
  }
#define NACRE_RV64_WORD_GToF(name, bits)                   \
  [[nodiscard]] constexpr uint32_t name(Fpr fd, Gpr rs1) { \
    return bits | encode::rd(fd) | encode::rs1(rs1);       \
  }
#define NACRE_RV64_WORD_GToFRound(name, bits)                                                     \
  [[nodiscard]] constexpr uint32_t name(Fpr fd, Gpr rs1, Rounding mode = Rounding::NearestEven) { \
    return bits | encode::rd(fd) | encode::rs1(rs1) | encode::rm(mode);                           \
  }

#define NACRE_RV64_WORD(name, text, format, bits) NACRE_RV64_WORD_##format(name, uint32_t{bits})
NACRE_RV64_INSTRUCTIONS(NACRE_RV64_WORD)
#undef NACRE_RV64_WORD

}  // namespace word

class Assembler {
 public:
  explicit Assembler(uint32_t expected_size = 0) : code_(expected_size) {}

  [[nodiscard]] uint32_t position() const { return code_.position(); }
  [[nodiscard]] masm::CodeBuffer& code() { return code_; }
  [[nodiscard]] const masm::CodeBuffer& code() const { return code_; }

  void emit(uint32_t instruction) { code_.emit32(instruction); }

#define NACRE_RV64_MEMBER(name, text, format, bits) \
  template <class... Operands>                      \
  void name(Operands... operands) {                 \
    emit(word::name(operands...));                  \
  }
  NACRE_RV64_INSTRUCTIONS(NACRE_RV64_MEMBER)
#undef NACRE_RV64_MEMBER

  // By opcode word (namespace op), for lowering tables. The caller picks the function that fits the
  // format.
  void emit_r(uint32_t bits, Gpr rd, Gpr rs1, Gpr rs2) {
    emit(bits | encode::rd(rd) | encode::rs1(rs1) | encode::rs2(rs2));
  }
  void emit_i(uint32_t bits, Gpr rd, Gpr rs1, int32_t imm) {
    DEBUG_ASSERT(fits_imm12(imm));
    emit(bits | encode::rd(rd) | encode::rs1(rs1) | encode::imm_i(imm));
  }
  void emit_unary(uint32_t bits, Gpr rd, Gpr rs1) {
    emit(bits | encode::rd(rd) | encode::rs1(rs1));
  }
  void emit_load(uint32_t bits, Gpr rd, int32_t offset, Gpr base) {
    emit_i(bits, rd, base, offset);
  }
  void emit_store(uint32_t bits, Gpr value, int32_t offset, Gpr base) {
    DEBUG_ASSERT(fits_imm12(offset));
    emit(bits | encode::rs2(value) | encode::rs1(base) | encode::imm_s(offset));
  }
  void emit_fload(uint32_t bits, Fpr fd, int32_t offset, Gpr base) {
    DEBUG_ASSERT(fits_imm12(offset));
    emit(bits | encode::rd(fd) | encode::rs1(base) | encode::imm_i(offset));
  }
  void emit_fstore(uint32_t bits, Fpr value, int32_t offset, Gpr base) {
    DEBUG_ASSERT(fits_imm12(offset));
    emit(bits | encode::rs2(value) | encode::rs1(base) | encode::imm_s(offset));
  }
  void emit_f(uint32_t bits, Fpr fd, Fpr fs1, Fpr fs2) {
    emit(bits | encode::rd(fd) | encode::rs1(fs1) | encode::rs2(fs2));
  }
  void emit_fcompare(uint32_t bits, Gpr rd, Fpr fs1, Fpr fs2) {
    emit(bits | encode::rd(rd) | encode::rs1(fs1) | encode::rs2(fs2));
  }

 protected:
  masm::CodeBuffer code_;
};

}  // namespace nacre::riscv64
