// LEB128 integers (core specification §5.2.2): at most ceil(bits / 7) bytes, and the bits of the
// last byte beyond `bits` must be zero, or copies of the sign.
#pragma once

#include <cstdint>

namespace nacre::wasm {

enum class LebStatus : uint8_t { Ok, Truncated, TooLong, TooLarge };

// The specification's wording.
[[nodiscard]] constexpr const char* text_of(LebStatus status) {
  switch (status) {
    case LebStatus::Ok:
      return "";
    case LebStatus::Truncated:
      return "unexpected end";
    case LebStatus::TooLong:
      return "integer representation too long";
    case LebStatus::TooLarge:
      return "integer too large";
  }
  return "";
}

struct Leb {
  uint64_t value = 0;  // two's complement for signed ones
  const uint8_t* next = nullptr;
  LebStatus status = LebStatus::Ok;
};

[[nodiscard]] Leb decode_unsigned_leb(const uint8_t* at, const uint8_t* end, unsigned bits);
[[nodiscard]] Leb decode_signed_leb(const uint8_t* at, const uint8_t* end, unsigned bits);

}  // namespace nacre::wasm
