// Bytes that stand for types (core specification §5.3), those of later versions included so that
// errors can name the feature that is missing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "nacre/engine/wasm/types.hh"

namespace nacre::wasm {

// A value type of this engine, or nothing.
[[nodiscard]] constexpr std::optional<ValType> val_type_of_byte(uint8_t byte) {
  switch (byte) {
    case 0x7f:
    case 0x7e:
    case 0x7d:
    case 0x7c:
    case 0x70:
    case 0x6f:
      return static_cast<ValType>(byte);
    default:
      return std::nullopt;
  }
}

// The feature that a type byte of a later version belongs to; empty for a byte that is no type at
// all.
[[nodiscard]] constexpr std::string_view feature_of_type_byte(uint8_t byte) {
  switch (byte) {
    case 0x7b:
      return "SIMD";
    case 0x78:
    case 0x77:
    case 0x73:
    case 0x72:
    case 0x71:
    case 0x6e:
    case 0x6d:
    case 0x6c:
    case 0x6b:
    case 0x6a:
    case 0x5f:
    case 0x5e:
    case 0x50:
    case 0x4f:
    case 0x4e:
      return "garbage collection";
    case 0x64:
    case 0x63:
      return "typed function references";
    case 0x74:
    case 0x69:
      return "exception handling";
    default:
      return "";
  }
}

namespace type_codes_detail {
constexpr std::array<ValType, 128> make_all() {
  std::array<ValType, 128> all{};
  for (unsigned i = 0; i < all.size(); ++i) all[i] = static_cast<ValType>(i);
  return all;
}
inline constexpr std::array<ValType, 128> kAll = make_all();
}  // namespace type_codes_detail

// A sequence of this one type, for ever valid.
[[nodiscard]] constexpr std::span<const ValType> one_of(ValType type) {
  return std::span(type_codes_detail::kAll).subspan(static_cast<uint8_t>(type), 1);
}

}  // namespace nacre::wasm
