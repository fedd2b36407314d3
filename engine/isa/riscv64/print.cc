#include "nacre/engine/isa/riscv64/print.hh"

#include "nacre/base/core/format.hh"

namespace nacre::riscv64 {

namespace {

constexpr std::string_view kGprNames[] = {"zero", "ra", "sp",  "gp",  "tp", "t0", "t1", "t2",
                                          "s0",   "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
                                          "a6",   "a7", "s2",  "s3",  "s4", "s5", "s6", "s7",
                                          "s8",   "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
constexpr std::string_view kFprNames[] = {
    "ft0", "ft1", "ft2", "ft3", "ft4",  "ft5",  "ft6", "ft7", "fs0",  "fs1", "fa0",
    "fa1", "fa2", "fa3", "fa4", "fa5",  "fa6",  "fa7", "fs2", "fs3",  "fs4", "fs5",
    "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11"};

constexpr uint32_t kMajor = 0x0000'007f;
constexpr uint32_t kFunct3 = 0x0000'7000;
constexpr uint32_t kFunct7 = 0xfe00'0000;
constexpr uint32_t kRs2 = 0x01f0'0000;

// The bits of a word that are not operands.
[[nodiscard]] constexpr uint32_t fixed_bits(Format format) {
  switch (format) {
    case Format::U:
    case Format::Jump:
      return kMajor;
    case Format::I:
    case Format::Load:
    case Format::Store:
    case Format::Branch:
    case Format::JumpReg:
    case Format::FLoad:
    case Format::FStore:
    case Format::Csr:
    case Format::CsrImm:
      return kMajor | kFunct3;
    case Format::R:
    case Format::Shift5:
    case Format::FR:
    case Format::FCompare:
      return kMajor | kFunct3 | kFunct7;
    case Format::Shift6:
      return kMajor | kFunct3 | 0xfc00'0000;
    case Format::Unary:
    case Format::FUnary:
    case Format::FToG:
    case Format::GToF:
      return kMajor | kFunct3 | kFunct7 | kRs2;
    case Format::FRound:
      return kMajor | kFunct7;
    case Format::FUnaryRound:
    case Format::FToGRound:
    case Format::GToFRound:
      return kMajor | kFunct7 | kRs2;
    case Format::F4:
      return kMajor | 0x0600'0000;
    case Format::Amo:
      return kMajor | kFunct3 | 0xf800'0000;
    case Format::LoadReserved:
      return kMajor | kFunct3 | 0xf800'0000 | kRs2;
    case Format::None:
      return 0xffff'ffff;
  }
  return 0xffff'ffff;
}

// The operands of a word, each as text or number.
struct Fields {
  uint32_t word;

  [[nodiscard]] uint32_t bits(unsigned low, unsigned count) const {
    return word >> low & ((1u << count) - 1);
  }
  [[nodiscard]] std::string_view rd() const { return kGprNames[bits(7, 5)]; }
  [[nodiscard]] std::string_view rs1() const { return kGprNames[bits(15, 5)]; }
  [[nodiscard]] std::string_view rs2() const { return kGprNames[bits(20, 5)]; }
  [[nodiscard]] std::string_view fd() const { return kFprNames[bits(7, 5)]; }
  [[nodiscard]] std::string_view fs1() const { return kFprNames[bits(15, 5)]; }
  [[nodiscard]] std::string_view fs2() const { return kFprNames[bits(20, 5)]; }
  [[nodiscard]] std::string_view fs3() const { return kFprNames[bits(27, 5)]; }
  [[nodiscard]] std::string_view rm() const { return name_of(static_cast<Rounding>(bits(12, 3))); }
  [[nodiscard]] std::string_view csr() const { return name_of(static_cast<Csr>(bits(20, 12))); }
  [[nodiscard]] int32_t imm_i() const { return static_cast<int32_t>(word) >> 20; }
  [[nodiscard]] int32_t imm_s() const {
    return (static_cast<int32_t>(word) >> 25) * 32 + static_cast<int32_t>(bits(7, 5));
  }
  [[nodiscard]] int32_t imm_b() const {
    return (static_cast<int32_t>(word) >> 31) * 4096 +
           static_cast<int32_t>(bits(7, 1) << 11 | bits(25, 6) << 5 | bits(8, 4) << 1);
  }
  [[nodiscard]] int32_t imm_j() const {
    return (static_cast<int32_t>(word) >> 31) * (1 << 20) +
           static_cast<int32_t>(bits(12, 8) << 12 | bits(20, 1) << 11 | bits(21, 10) << 1);
  }
};

[[nodiscard]] std::string operands(Format format, Fields f) {
  switch (format) {
    case Format::None:
      return "";
    case Format::R:
      return nacre::format("\t{}, {}, {}", f.rd(), f.rs1(), f.rs2());
    case Format::Unary:
      return nacre::format("\t{}, {}", f.rd(), f.rs1());
    case Format::I:
      return nacre::format("\t{}, {}, {}", f.rd(), f.rs1(), f.imm_i());
    case Format::Shift5:
      return nacre::format("\t{}, {}, {}", f.rd(), f.rs1(), f.bits(20, 5));
    case Format::Shift6:
      return nacre::format("\t{}, {}, {}", f.rd(), f.rs1(), f.bits(20, 6));
    case Format::U:
      return nacre::format("\t{}, {}", f.rd(), f.bits(12, 20));
    case Format::Load:
    case Format::JumpReg:
      return nacre::format("\t{}, {}({})", f.rd(), f.imm_i(), f.rs1());
    case Format::Store:
      return nacre::format("\t{}, {}({})", f.rs2(), f.imm_s(), f.rs1());
    case Format::Branch:
      return nacre::format("\t{}, {}, {}", f.rs1(), f.rs2(), f.imm_b());
    case Format::Jump:
      return nacre::format("\t{}, {}", f.rd(), f.imm_j());
    case Format::Csr:
      return nacre::format("\t{}, {}, {}", f.rd(), f.csr(), f.rs1());
    case Format::CsrImm:
      return nacre::format("\t{}, {}, {}", f.rd(), f.csr(), f.bits(15, 5));
    case Format::Amo:
      return nacre::format("\t{}, {}, ({})", f.rd(), f.rs2(), f.rs1());
    case Format::LoadReserved:
      return nacre::format("\t{}, ({})", f.rd(), f.rs1());
    case Format::FLoad:
      return nacre::format("\t{}, {}({})", f.fd(), f.imm_i(), f.rs1());
    case Format::FStore:
      return nacre::format("\t{}, {}({})", f.fs2(), f.imm_s(), f.rs1());
    case Format::FR:
      return nacre::format("\t{}, {}, {}", f.fd(), f.fs1(), f.fs2());
    case Format::FRound:
      return nacre::format("\t{}, {}, {}, {}", f.fd(), f.fs1(), f.fs2(), f.rm());
    case Format::FUnary:
      return nacre::format("\t{}, {}", f.fd(), f.fs1());
    case Format::FUnaryRound:
      return nacre::format("\t{}, {}, {}", f.fd(), f.fs1(), f.rm());
    case Format::F4:
      return nacre::format("\t{}, {}, {}, {}, {}", f.fd(), f.fs1(), f.fs2(), f.fs3(), f.rm());
    case Format::FCompare:
      return nacre::format("\t{}, {}, {}", f.rd(), f.fs1(), f.fs2());
    case Format::FToG:
      return nacre::format("\t{}, {}", f.rd(), f.fs1());
    case Format::FToGRound:
      return nacre::format("\t{}, {}, {}", f.rd(), f.fs1(), f.rm());
    case Format::GToF:
      return nacre::format("\t{}, {}", f.fd(), f.rs1());
    case Format::GToFRound:
      return nacre::format("\t{}, {}, {}", f.fd(), f.rs1(), f.rm());
  }
  return "";
}

}  // namespace

std::string_view name_of(Gpr r) {
  return kGprNames[code_of(r)];
}
std::string_view name_of(Fpr r) {
  return kFprNames[code_of(r)];
}

std::string_view name_of(Rounding mode) {
  constexpr std::string_view kNames[] = {"rne", "rtz", "rdn", "rup", "rmm", "?", "?", "dyn"};
  return kNames[static_cast<uint8_t>(mode) & 7];
}

std::string_view name_of(Csr csr) {
  switch (csr) {
    case Csr::Fflags:
      return "fflags";
    case Csr::Frm:
      return "frm";
    case Csr::Fcsr:
      return "fcsr";
  }
  return "?";
}

const Instruction* find_instruction(uint32_t word) {
  for (const Instruction& row : kInstructions) {
    if ((word & fixed_bits(row.format)) == row.bits) return &row;
  }
  return nullptr;
}

std::string print(uint32_t word) {
  const Instruction* row = find_instruction(word);
  if (row == nullptr) return nacre::format(".word 0x{:08x}", word);
  std::string text(row->mnemonic);
  if (row->format == Format::Amo || row->format == Format::LoadReserved) {
    constexpr std::string_view kOrderings[] = {"", ".rl", ".aq", ".aqrl"};
    text += kOrderings[word >> 25 & 3];
  }
  return text + operands(row->format, Fields{word});
}

}  // namespace nacre::riscv64
