// The one table of instructions: member name, assembly mnemonic, operand format, and the word with
// all operands zero. The encoder (assembler.hh), the debug printer (print.hh) and the test against
// llvm-mc are all generated from it. Sources: RISC-V unprivileged ISA 20240411, "RV32/64G
// instruction set listings"; Zba/Zbb/Zbs 1.0; Zicond 1.0.
//
// Formats, with operands in assembly order:
// clang-format off
//   R rd,rs1,rs2            Unary rd,rs1              I rd,rs1,imm12          Shift5, Shift6 rd,rs1,amount
//   U rd,imm20              Load rd,imm12(rs1)        Store rs2,imm12(rs1)    Branch rs1,rs2,distance
//   Jump rd,distance        JumpReg rd,imm12(rs1)     None                    Csr rd,csr,rs1
//   CsrImm rd,csr,uimm5     Amo rd,rs2,(rs1)          LoadReserved rd,(rs1)   FLoad, FStore as Load, Store
//   FR fd,fs1,fs2           FRound fd,fs1,fs2,rm      FUnary fd,fs1           FUnaryRound fd,fs1,rm
//   F4 fd,fs1,fs2,fs3,rm    FCompare rd,fs1,fs2       FToG rd,fs1             FToGRound rd,fs1,rm
//   GToF fd,rs1             GToFRound fd,rs1,rm
// clang-format on
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#define NACRE_RV64_INSTRUCTIONS(X)                 \
  X(lui, "lui", U, 0x00000037)                     \
  X(auipc, "auipc", U, 0x00000017)                 \
  X(jal, "jal", Jump, 0x0000006f)                  \
  X(jalr, "jalr", JumpReg, 0x00000067)             \
  X(beq, "beq", Branch, 0x00000063)                \
  X(bne, "bne", Branch, 0x00001063)                \
  X(blt, "blt", Branch, 0x00004063)                \
  X(bge, "bge", Branch, 0x00005063)                \
  X(bltu, "bltu", Branch, 0x00006063)              \
  X(bgeu, "bgeu", Branch, 0x00007063)              \
  X(lb, "lb", Load, 0x00000003)                    \
  X(lh, "lh", Load, 0x00001003)                    \
  X(lw, "lw", Load, 0x00002003)                    \
  X(ld, "ld", Load, 0x00003003)                    \
  X(lbu, "lbu", Load, 0x00004003)                  \
  X(lhu, "lhu", Load, 0x00005003)                  \
  X(lwu, "lwu", Load, 0x00006003)                  \
  X(sb, "sb", Store, 0x00000023)                   \
  X(sh, "sh", Store, 0x00001023)                   \
  X(sw, "sw", Store, 0x00002023)                   \
  X(sd, "sd", Store, 0x00003023)                   \
  X(addi, "addi", I, 0x00000013)                   \
  X(slti, "slti", I, 0x00002013)                   \
  X(sltiu, "sltiu", I, 0x00003013)                 \
  X(xori, "xori", I, 0x00004013)                   \
  X(ori, "ori", I, 0x00006013)                     \
  X(andi, "andi", I, 0x00007013)                   \
  X(slli, "slli", Shift6, 0x00001013)              \
  X(srli, "srli", Shift6, 0x00005013)              \
  X(srai, "srai", Shift6, 0x40005013)              \
  X(add, "add", R, 0x00000033)                     \
  X(sub, "sub", R, 0x40000033)                     \
  X(sll, "sll", R, 0x00001033)                     \
  X(slt, "slt", R, 0x00002033)                     \
  X(sltu, "sltu", R, 0x00003033)                   \
  X(xor_, "xor", R, 0x00004033)                    \
  X(srl, "srl", R, 0x00005033)                     \
  X(sra, "sra", R, 0x40005033)                     \
  X(or_, "or", R, 0x00006033)                      \
  X(and_, "and", R, 0x00007033)                    \
  X(addiw, "addiw", I, 0x0000001b)                 \
  X(slliw, "slliw", Shift5, 0x0000101b)            \
  X(srliw, "srliw", Shift5, 0x0000501b)            \
  X(sraiw, "sraiw", Shift5, 0x4000501b)            \
  X(addw, "addw", R, 0x0000003b)                   \
  X(subw, "subw", R, 0x4000003b)                   \
  X(sllw, "sllw", R, 0x0000103b)                   \
  X(srlw, "srlw", R, 0x0000503b)                   \
  X(sraw, "sraw", R, 0x4000503b)                   \
  X(fence, "fence", None, 0x0ff0000f)              \
  X(fence_i, "fence.i", None, 0x0000100f)          \
  X(ecall, "ecall", None, 0x00000073)              \
  X(ebreak, "ebreak", None, 0x00100073)            \
  X(mul, "mul", R, 0x02000033)                     \
  X(mulh, "mulh", R, 0x02001033)                   \
  X(mulhsu, "mulhsu", R, 0x02002033)               \
  X(mulhu, "mulhu", R, 0x02003033)                 \
  X(div, "div", R, 0x02004033)                     \
  X(divu, "divu", R, 0x02005033)                   \
  X(rem, "rem", R, 0x02006033)                     \
  X(remu, "remu", R, 0x02007033)                   \
  X(mulw, "mulw", R, 0x0200003b)                   \
  X(divw, "divw", R, 0x0200403b)                   \
  X(divuw, "divuw", R, 0x0200503b)                 \
  X(remw, "remw", R, 0x0200603b)                   \
  X(remuw, "remuw", R, 0x0200703b)                 \
  X(lr_w, "lr.w", LoadReserved, 0x1000202f)        \
  X(sc_w, "sc.w", Amo, 0x1800202f)                 \
  X(amoswap_w, "amoswap.w", Amo, 0x0800202f)       \
  X(amoadd_w, "amoadd.w", Amo, 0x0000202f)         \
  X(amoxor_w, "amoxor.w", Amo, 0x2000202f)         \
  X(amoor_w, "amoor.w", Amo, 0x4000202f)           \
  X(amoand_w, "amoand.w", Amo, 0x6000202f)         \
  X(amomin_w, "amomin.w", Amo, 0x8000202f)         \
  X(amomax_w, "amomax.w", Amo, 0xa000202f)         \
  X(amominu_w, "amominu.w", Amo, 0xc000202f)       \
  X(amomaxu_w, "amomaxu.w", Amo, 0xe000202f)       \
  X(lr_d, "lr.d", LoadReserved, 0x1000302f)        \
  X(sc_d, "sc.d", Amo, 0x1800302f)                 \
  X(amoswap_d, "amoswap.d", Amo, 0x0800302f)       \
  X(amoadd_d, "amoadd.d", Amo, 0x0000302f)         \
  X(amoxor_d, "amoxor.d", Amo, 0x2000302f)         \
  X(amoor_d, "amoor.d", Amo, 0x4000302f)           \
  X(amoand_d, "amoand.d", Amo, 0x6000302f)         \
  X(amomin_d, "amomin.d", Amo, 0x8000302f)         \
  X(amomax_d, "amomax.d", Amo, 0xa000302f)         \
  X(amominu_d, "amominu.d", Amo, 0xc000302f)       \
  X(amomaxu_d, "amomaxu.d", Amo, 0xe000302f)       \
  X(csrrw, "csrrw", Csr, 0x00001073)               \
  X(csrrs, "csrrs", Csr, 0x00002073)               \
  X(csrrc, "csrrc", Csr, 0x00003073)               \
  X(csrrwi, "csrrwi", CsrImm, 0x00005073)          \
  X(csrrsi, "csrrsi", CsrImm, 0x00006073)          \
  X(csrrci, "csrrci", CsrImm, 0x00007073)          \
  X(flw, "flw", FLoad, 0x00002007)                 \
  X(fld, "fld", FLoad, 0x00003007)                 \
  X(fsw, "fsw", FStore, 0x00002027)                \
  X(fsd, "fsd", FStore, 0x00003027)                \
  X(fmadd_s, "fmadd.s", F4, 0x00000043)            \
  X(fmsub_s, "fmsub.s", F4, 0x00000047)            \
  X(fnmsub_s, "fnmsub.s", F4, 0x0000004b)          \
  X(fnmadd_s, "fnmadd.s", F4, 0x0000004f)          \
  X(fadd_s, "fadd.s", FRound, 0x00000053)          \
  X(fsub_s, "fsub.s", FRound, 0x08000053)          \
  X(fmul_s, "fmul.s", FRound, 0x10000053)          \
  X(fdiv_s, "fdiv.s", FRound, 0x18000053)          \
  X(fsqrt_s, "fsqrt.s", FUnaryRound, 0x58000053)   \
  X(fsgnj_s, "fsgnj.s", FR, 0x20000053)            \
  X(fsgnjn_s, "fsgnjn.s", FR, 0x20001053)          \
  X(fsgnjx_s, "fsgnjx.s", FR, 0x20002053)          \
  X(fmin_s, "fmin.s", FR, 0x28000053)              \
  X(fmax_s, "fmax.s", FR, 0x28001053)              \
  X(fcvt_w_s, "fcvt.w.s", FToGRound, 0xc0000053)   \
  X(fcvt_wu_s, "fcvt.wu.s", FToGRound, 0xc0100053) \
  X(fcvt_l_s, "fcvt.l.s", FToGRound, 0xc0200053)   \
  X(fcvt_lu_s, "fcvt.lu.s", FToGRound, 0xc0300053) \
  X(fmv_x_w, "fmv.x.w", FToG, 0xe0000053)          \
  X(fclass_s, "fclass.s", FToG, 0xe0001053)        \
  X(feq_s, "feq.s", FCompare, 0xa0002053)          \
  X(flt_s, "flt.s", FCompare, 0xa0001053)          \
  X(fle_s, "fle.s", FCompare, 0xa0000053)          \
  X(fcvt_s_w, "fcvt.s.w", GToFRound, 0xd0000053)   \
  X(fcvt_s_wu, "fcvt.s.wu", GToFRound, 0xd0100053) \
  X(fcvt_s_l, "fcvt.s.l", GToFRound, 0xd0200053)   \
  X(fcvt_s_lu, "fcvt.s.lu", GToFRound, 0xd0300053) \
  X(fmv_w_x, "fmv.w.x", GToF, 0xf0000053)          \
  X(fmadd_d, "fmadd.d", F4, 0x02000043)            \
  X(fmsub_d, "fmsub.d", F4, 0x02000047)            \
  X(fnmsub_d, "fnmsub.d", F4, 0x0200004b)          \
  X(fnmadd_d, "fnmadd.d", F4, 0x0200004f)          \
  X(fadd_d, "fadd.d", FRound, 0x02000053)          \
  X(fsub_d, "fsub.d", FRound, 0x0a000053)          \
  X(fmul_d, "fmul.d", FRound, 0x12000053)          \
  X(fdiv_d, "fdiv.d", FRound, 0x1a000053)          \
  X(fsqrt_d, "fsqrt.d", FUnaryRound, 0x5a000053)   \
  X(fsgnj_d, "fsgnj.d", FR, 0x22000053)            \
  X(fsgnjn_d, "fsgnjn.d", FR, 0x22001053)          \
  X(fsgnjx_d, "fsgnjx.d", FR, 0x22002053)          \
  X(fmin_d, "fmin.d", FR, 0x2a000053)              \
  X(fmax_d, "fmax.d", FR, 0x2a001053)              \
  X(fcvt_s_d, "fcvt.s.d", FUnaryRound, 0x40100053) \
  X(fcvt_d_s, "fcvt.d.s", FUnary, 0x42000053)      \
  X(fcvt_w_d, "fcvt.w.d", FToGRound, 0xc2000053)   \
  X(fcvt_wu_d, "fcvt.wu.d", FToGRound, 0xc2100053) \
  X(fcvt_l_d, "fcvt.l.d", FToGRound, 0xc2200053)   \
  X(fcvt_lu_d, "fcvt.lu.d", FToGRound, 0xc2300053) \
  X(fmv_x_d, "fmv.x.d", FToG, 0xe2000053)          \
  X(fclass_d, "fclass.d", FToG, 0xe2001053)        \
  X(feq_d, "feq.d", FCompare, 0xa2002053)          \
  X(flt_d, "flt.d", FCompare, 0xa2001053)          \
  X(fle_d, "fle.d", FCompare, 0xa2000053)          \
  X(fcvt_d_w, "fcvt.d.w", GToF, 0xd2000053)        \
  X(fcvt_d_wu, "fcvt.d.wu", GToF, 0xd2100053)      \
  X(fcvt_d_l, "fcvt.d.l", GToFRound, 0xd2200053)   \
  X(fcvt_d_lu, "fcvt.d.lu", GToFRound, 0xd2300053) \
  X(fmv_d_x, "fmv.d.x", GToF, 0xf2000053)          \
  X(add_uw, "add.uw", R, 0x0800003b)               \
  X(sh1add, "sh1add", R, 0x20002033)               \
  X(sh2add, "sh2add", R, 0x20004033)               \
  X(sh3add, "sh3add", R, 0x20006033)               \
  X(sh1add_uw, "sh1add.uw", R, 0x2000203b)         \
  X(sh2add_uw, "sh2add.uw", R, 0x2000403b)         \
  X(sh3add_uw, "sh3add.uw", R, 0x2000603b)         \
  X(slli_uw, "slli.uw", Shift6, 0x0800101b)        \
  X(andn, "andn", R, 0x40007033)                   \
  X(orn, "orn", R, 0x40006033)                     \
  X(xnor, "xnor", R, 0x40004033)                   \
  X(clz, "clz", Unary, 0x60001013)                 \
  X(clzw, "clzw", Unary, 0x6000101b)               \
  X(ctz, "ctz", Unary, 0x60101013)                 \
  X(ctzw, "ctzw", Unary, 0x6010101b)               \
  X(cpop, "cpop", Unary, 0x60201013)               \
  X(cpopw, "cpopw", Unary, 0x6020101b)             \
  X(max, "max", R, 0x0a006033)                     \
  X(maxu, "maxu", R, 0x0a007033)                   \
  X(min, "min", R, 0x0a004033)                     \
  X(minu, "minu", R, 0x0a005033)                   \
  X(sext_b, "sext.b", Unary, 0x60401013)           \
  X(sext_h, "sext.h", Unary, 0x60501013)           \
  X(zext_h, "zext.h", Unary, 0x0800403b)           \
  X(rol, "rol", R, 0x60001033)                     \
  X(rolw, "rolw", R, 0x6000103b)                   \
  X(ror, "ror", R, 0x60005033)                     \
  X(rorw, "rorw", R, 0x6000503b)                   \
  X(rori, "rori", Shift6, 0x60005013)              \
  X(roriw, "roriw", Shift5, 0x6000501b)            \
  X(orc_b, "orc.b", Unary, 0x28705013)             \
  X(rev8, "rev8", Unary, 0x6b805013)               \
  X(bclr, "bclr", R, 0x48001033)                   \
  X(bclri, "bclri", Shift6, 0x48001013)            \
  X(bext, "bext", R, 0x48005033)                   \
  X(bexti, "bexti", Shift6, 0x48005013)            \
  X(binv, "binv", R, 0x68001033)                   \
  X(binvi, "binvi", Shift6, 0x68001013)            \
  X(bset, "bset", R, 0x28001033)                   \
  X(bseti, "bseti", Shift6, 0x28001013)            \
  X(czero_eqz, "czero.eqz", R, 0x0e005033)         \
  X(czero_nez, "czero.nez", R, 0x0e007033)

namespace nacre::riscv64 {

enum class Format : uint8_t {
  R,
  Unary,
  I,
  Shift5,
  Shift6,
  U,
  Load,
  Store,
  Branch,
  Jump,
  JumpReg,
  None,
  Csr,
  CsrImm,
  Amo,
  LoadReserved,
  FLoad,
  FStore,
  FR,
  FRound,
  FUnary,
  FUnaryRound,
  F4,
  FCompare,
  FToG,
  FToGRound,
  GToF,
  GToFRound,
};

struct Instruction {
  std::string_view mnemonic;
  Format format;
  uint32_t bits;
};

#define NACRE_RV64_ROW(name, text, format, bits) Instruction{text, Format::format, bits},
inline constexpr Instruction kInstructions[] = {NACRE_RV64_INSTRUCTIONS(NACRE_RV64_ROW)};
#undef NACRE_RV64_ROW

// The instruction word with all operands zero, by name: for tables of a code generator,
// `op::add_uw`.
namespace op {
#define NACRE_RV64_BITS(name, text, format, bits) inline constexpr uint32_t name = bits;
NACRE_RV64_INSTRUCTIONS(NACRE_RV64_BITS)
#undef NACRE_RV64_BITS
}  // namespace op

}  // namespace nacre::riscv64
