#include "nacre/engine/wasm/opcodes.hh"

#include <gtest/gtest.h>

#include <set>

namespace nacre::wasm {
namespace {

struct Entry {
  Opcode opcode;
  std::string_view text;
};

constexpr Entry kAll[] = {
#define NACRE_OPCODE(identifier, code, text, op_class, immediates, signature) \
  {Opcode::identifier, text},
#include "nacre/engine/wasm/opcode_list.inc"
#undef NACRE_OPCODE
};

TEST(Opcodes, AreAllInTheTableOnce) {
  std::set<Opcode> seen;
  for (const Entry& entry : kAll) {
    EXPECT_TRUE(seen.insert(entry.opcode).second) << entry.text;
    EXPECT_NE(info_of(entry.opcode).op_class, OpClass::Unknown) << entry.text;
    EXPECT_NE(info_of(entry.opcode).immediates, Immediates::Unknown) << entry.text;
    EXPECT_EQ(name_of(entry.opcode), entry.text);
  }
  // 172 single bytes of version 1, 5 sign extensions, 2 table accesses, select with types, 3 reference
  // instructions, and 18 behind the prefix.
  EXPECT_EQ(std::size(kAll), 201U);
}

// Independent of the table's own derivation: natural alignment by code, in the order of the specification.
TEST(Opcodes, KnowAccessWidths) {
  constexpr uint8_t kWidths[] = {2, 3, 2, 3, 0, 0, 1, 1, 0, 0, 1, 1,
                                 2, 2, 2, 3, 2, 3, 0, 1, 0, 1, 2};
  for (unsigned i = 0; i < std::size(kWidths); ++i) {
    EXPECT_EQ(info_of_byte(static_cast<uint8_t>(0x28 + i)).access_log2, kWidths[i]) << 0x28 + i;
  }
}

// The mnemonic's first part is the result's type, except for comparisons, tests and stores.
TEST(Opcodes, HaveTheTypesThatTheirNamesSay) {
  for (const Entry& entry : kAll) {
    const OpcodeInfo info = info_of(entry.opcode);
    if (info.op_class < OpClass::Load) continue;
    const std::string prefix(entry.text.substr(0, 3));
    switch (info.op_class) {
      case OpClass::Store:
        EXPECT_EQ(name_of(info.second), prefix);
        EXPECT_EQ(info.first, ValType::I32);
        EXPECT_EQ(info.result, ValType::Bottom);
        break;
      case OpClass::Compare:
      case OpClass::Test:
        EXPECT_EQ(name_of(info.first), prefix);
        EXPECT_EQ(info.result, ValType::I32);
        break;
      default:
        EXPECT_EQ(name_of(info.result), prefix) << entry.text;
        break;
    }
    if (info.op_class == OpClass::Binary || info.op_class == OpClass::Compare) {
      EXPECT_EQ(info.operands, 2);
      EXPECT_EQ(info.first, info.second);
    }
  }
}

TEST(Opcodes, NameLaterInstructions) {
  EXPECT_EQ(unsupported_instruction(0xfd)->feature, "SIMD");
  EXPECT_EQ(unsupported_instruction(0x12)->name, "return_call");
  EXPECT_FALSE(unsupported_instruction(0x27));
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool is_known = info_of_byte(static_cast<uint8_t>(byte)).op_class != OpClass::Unknown;
    EXPECT_FALSE(is_known && unsupported_instruction(static_cast<uint8_t>(byte))) << byte;
  }
}

}  // namespace
}  // namespace nacre::wasm
