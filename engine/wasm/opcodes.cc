#include "nacre/engine/wasm/opcodes.hh"

namespace nacre::wasm {
namespace {

struct LaterInstruction {
  uint8_t byte;
  UnsupportedInstruction what;
};

constexpr LaterInstruction kLaterInstructions[] = {
    {0x06, {"try", "exception handling"}},
    {0x07, {"catch", "exception handling"}},
    {0x08, {"throw", "exception handling"}},
    {0x09, {"rethrow", "exception handling"}},
    {0x0a, {"throw_ref", "exception handling"}},
    {0x12, {"return_call", "tail calls"}},
    {0x13, {"return_call_indirect", "tail calls"}},
    {0x14, {"call_ref", "typed function references"}},
    {0x15, {"return_call_ref", "tail calls"}},
    {0x18, {"delegate", "exception handling"}},
    {0x19, {"catch_all", "exception handling"}},
    {0x1f, {"try_table", "exception handling"}},
    {0xd3, {"ref.eq", "garbage collection"}},
    {0xd4, {"ref.as_non_null", "typed function references"}},
    {0xd5, {"br_on_null", "typed function references"}},
    {0xd6, {"br_on_non_null", "typed function references"}},
    {0xfb, {"struct, array or i31 instruction", "garbage collection"}},
    {0xfd, {"vector instruction", "SIMD"}},
    {0xfe, {"atomic instruction", "threads"}},
};

}  // namespace

std::string_view name_of(Opcode opcode) {
  switch (opcode) {
#define NACRE_OPCODE(identifier, code, text, op_class, immediates, signature) \
  case Opcode::identifier:                                                    \
    return text;
#include "nacre/engine/wasm/opcode_list.inc"
#undef NACRE_OPCODE
  }
  return "unknown instruction";
}

std::optional<UnsupportedInstruction> unsupported_instruction(uint8_t first_byte) {
  for (const LaterInstruction& instruction : kLaterInstructions) {
    if (instruction.byte == first_byte) return instruction.what;
  }
  return std::nullopt;
}

}  // namespace nacre::wasm
