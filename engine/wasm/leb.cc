#include "leb.hh"

namespace nacre::wasm {

Leb decode_unsigned_leb(const uint8_t* at, const uint8_t* end, unsigned bits) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < bits; shift += 7) {
    if (at == end) return {value, at, LebStatus::Truncated};
    const uint8_t byte = *at++;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    const unsigned left = bits - shift;  // significant bits from this byte on
    if (left < 7 && (byte & 0x7f) >> left != 0) {
      return {value, at, (byte & 0x80) != 0 ? LebStatus::TooLong : LebStatus::TooLarge};
    }
    if ((byte & 0x80) == 0) return {value, at, LebStatus::Ok};
  }
  return {value, at, LebStatus::TooLong};
}

Leb decode_signed_leb(const uint8_t* at, const uint8_t* end, unsigned bits) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < bits; shift += 7) {
    if (at == end) return {value, at, LebStatus::Truncated};
    const uint8_t byte = *at++;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) != 0) continue;
    const unsigned left = bits - shift;
    if (left < 7) {
      // The sign bit and everything above it in this byte must agree.
      const int surplus = (byte & 0x7f) >> (left - 1);
      const int all_ones = 0x7f >> (left - 1);
      if (surplus != 0 && surplus != all_ones) return {value, at, LebStatus::TooLarge};
    }
    const unsigned filled = shift + 7;
    if (filled < 64 && (byte & 0x40) != 0) value |= ~uint64_t{0} << filled;
    return {value, at, LebStatus::Ok};
  }
  return {value, at, LebStatus::TooLong};
}

}  // namespace nacre::wasm
