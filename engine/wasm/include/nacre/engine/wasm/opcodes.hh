// Instructions as data: codes, names, immediates and types, generated from opcode_list.inc. The
// decoder, the validator, the body scanner and the compilers read this table and nothing else.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "nacre/engine/wasm/types.hh"

namespace nacre::wasm {

// The value is the code byte, or 0xfc00 + n behind the prefix 0xfc.
enum class Opcode : uint16_t {
#define NACRE_OPCODE(identifier, code, text, op_class, immediates, signature) identifier = code,
#include "nacre/engine/wasm/opcode_list.inc"
#undef NACRE_OPCODE
};

// What follows the opcode in the bytes.
enum class Immediates : uint8_t {
  None,
  BlockType,    // s33
  Index,        // u32
  TwoIndices,   // u32 u32
  BrTable,      // vec(u32) u32
  Types,        // vec(valtype)
  MemArg,       // u32 alignment exponent, u32 offset
  MemoryIndex,  // one zero byte
  I32,          // s32
  I64,          // s64
  F32,          // 4 bytes
  F64,          // 8 bytes
  RefType,      // reftype
  Prefix,       // u32: the rest of the opcode
  Unknown,      // not an instruction of this engine
};

// Instructions that validate alike. Those of one class from Load to Convert have fixed types, given
// in the table.
enum class OpClass : uint8_t {
  Unknown,
  Prefix,
  Unreachable,
  Nop,
  Block,
  Loop,
  If,
  Else,
  End,
  Br,
  BrIf,
  BrTable,
  Return,
  Call,
  CallIndirect,
  Drop,
  Select,
  SelectTyped,
  LocalGet,
  LocalSet,
  LocalTee,
  GlobalGet,
  GlobalSet,
  Table,
  Memory,
  Reference,
  Load,
  Store,
  Const,
  Unary,
  Binary,
  Test,
  Compare,
  Convert,
};

// Eight aligned bytes, so that one load fetches all that validation needs.
struct alignas(8) OpcodeInfo {
  OpClass op_class = OpClass::Unknown;
  Immediates immediates = Immediates::Unknown;
  ValType first = ValType::Bottom;   // the operand pushed first
  ValType second = ValType::Bottom;  // the operand pushed last, if there are two
  ValType result = ValType::Bottom;
  uint8_t operands = 0;
  uint8_t access_log2 = 0;  // Load, Store: bytes accessed, as a power of two
  uint8_t reserved = 0;
};
static_assert(sizeof(OpcodeInfo) == 8);

inline constexpr uint8_t kPrefixByte = 0xfc;
inline constexpr size_t kPrefixedOpcodes = 18;

namespace opcode_detail {

constexpr ValType type_of_letter(char letter) {
  switch (letter) {
    case 'i':
      return ValType::I32;
    case 'l':
      return ValType::I64;
    case 'f':
      return ValType::F32;
    case 'd':
      return ValType::F64;
    default:
      return ValType::Bottom;
  }
}

// Loads and stores: the digits in the name give the width ("i64.load32_u"), else the type does.
constexpr uint8_t access_log2(std::string_view text) {
  const std::string_view width = text.substr(text.find('.') + 1);
  if (width.find("16") != width.npos) return 1;
  if (width.find("32") != width.npos) return 2;
  if (width.find('8') != width.npos) return 0;
  return text.substr(1, 2) == "64" ? 3 : 2;
}

constexpr OpcodeInfo make_info(OpClass op_class, Immediates immediates, std::string_view text,
                               std::string_view signature) {
  OpcodeInfo info{.op_class = op_class, .immediates = immediates};
  if (op_class == OpClass::Load || op_class == OpClass::Store) info.access_log2 = access_log2(text);
  const size_t colon = signature.find(':');
  if (colon == signature.npos) return info;
  info.operands = static_cast<uint8_t>(colon);
  if (colon > 0) info.first = type_of_letter(signature[0]);
  if (colon > 1) info.second = type_of_letter(signature[1]);
  if (colon + 1 < signature.size()) info.result = type_of_letter(signature[colon + 1]);
  return info;
}

struct Tables {
  std::array<OpcodeInfo, 256> plain{};
  std::array<OpcodeInfo, kPrefixedOpcodes> prefixed{};
};

constexpr Tables make_tables() {
  Tables tables;
  tables.plain[kPrefixByte] = {.op_class = OpClass::Prefix, .immediates = Immediates::Prefix};
#define NACRE_OPCODE(identifier, code, text, op_class, immediates, signature)                      \
  (code < 0x100 ? tables.plain[code & 0xff] : tables.prefixed[(code & 0xff) % kPrefixedOpcodes]) = \
      make_info(OpClass::op_class, Immediates::immediates, text, signature);
#include "nacre/engine/wasm/opcode_list.inc"
#undef NACRE_OPCODE
  return tables;
}

inline constexpr Tables kTables = make_tables();

}  // namespace opcode_detail

// By the first byte; a byte that is no instruction here has OpClass::Unknown.
[[nodiscard]] constexpr const OpcodeInfo& info_of_byte(uint8_t byte) {
  return opcode_detail::kTables.plain[byte];
}
// By the number after 0xfc; `number` < kPrefixedOpcodes.
[[nodiscard]] constexpr const OpcodeInfo& info_of_prefixed(uint32_t number) {
  return opcode_detail::kTables.prefixed[number];
}
[[nodiscard]] constexpr const OpcodeInfo& info_of(Opcode opcode) {
  const auto code = static_cast<uint16_t>(opcode);
  return code < 0x100 ? info_of_byte(static_cast<uint8_t>(code)) : info_of_prefixed(code & 0xff);
}

// "i32.add". Only for codes of the enumeration.
[[nodiscard]] std::string_view name_of(Opcode opcode);

// Instructions of later versions of WebAssembly, known by name so that an error can say what is
// missing.
struct UnsupportedInstruction {
  std::string_view name;     // "return_call", or the prefix's family
  std::string_view feature;  // "tail calls"
};
// Nothing for a byte that no version of the specification assigns.
[[nodiscard]] std::optional<UnsupportedInstruction> unsupported_instruction(uint8_t first_byte);

}  // namespace nacre::wasm
