// WebAssembly types as the engine handles them (core specification 2.0, §2.3).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace nacre::wasm {

// The binary codes of the specification (§5.3), so that decoding is a check and a cast.
enum class ValType : uint8_t {
  I32 = 0x7f,
  I64 = 0x7e,
  F32 = 0x7d,
  F64 = 0x7c,
  V128 = 0x7b,  // known by name only, refused by the decoder
  FuncRef = 0x70,
  ExternRef = 0x6f,
  Bottom = 0x00,  // validator only: any type, below an unconditional branch
};

[[nodiscard]] constexpr bool is_float(ValType t) {
  return t == ValType::F32 || t == ValType::F64;
}
[[nodiscard]] constexpr bool is_reference(ValType t) {
  return t == ValType::FuncRef || t == ValType::ExternRef;
}
[[nodiscard]] const char* name_of(ValType type);

struct FuncType {
  std::vector<ValType> params;
  std::vector<ValType> results;
  bool operator==(const FuncType&) const = default;
};

struct Limits {
  uint64_t minimum = 0;
  std::optional<uint64_t> maximum;
};

struct TableType {
  ValType element = ValType::FuncRef;
  Limits limits;  // elements
};

struct MemoryType {
  Limits limits;  // 64 KiB pages
};

struct GlobalType {
  ValType type = ValType::I32;
  bool is_mutable = false;
};

}  // namespace nacre::wasm
