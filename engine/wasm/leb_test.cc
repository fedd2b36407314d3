#include "leb.hh"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace nacre::wasm {
namespace {

std::vector<uint8_t> encode_unsigned(uint64_t value) {
  std::vector<uint8_t> bytes;
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<uint8_t>(value | 0x80));
  bytes.push_back(static_cast<uint8_t>(value));
  return bytes;
}

std::vector<uint8_t> encode_signed(int64_t value) {
  std::vector<uint8_t> bytes;
  for (;;) {
    const auto byte = static_cast<uint8_t>(value & 0x7f);
    value >>= 7;
    if ((value == 0 && (byte & 0x40) == 0) || (value == -1 && (byte & 0x40) != 0)) {
      bytes.push_back(byte);
      return bytes;
    }
    bytes.push_back(byte | 0x80);
  }
}

Leb decode_u(const std::vector<uint8_t>& bytes, unsigned bits) {
  return decode_unsigned_leb(bytes.data(), bytes.data() + bytes.size(), bits);
}
Leb decode_s(const std::vector<uint8_t>& bytes, unsigned bits) {
  return decode_signed_leb(bytes.data(), bytes.data() + bytes.size(), bits);
}

TEST(Leb, RoundTripsAtEveryMagnitude) {
  std::mt19937_64 random(1);
  for (unsigned bits : {32U, 33U, 64U}) {
    for (int i = 0; i < 20000; ++i) {
      const uint64_t value = random() >> (64 - bits) >> (random() % bits);
      const auto encoded = encode_unsigned(value);
      const Leb leb = decode_u(encoded, bits);
      ASSERT_EQ(leb.status, LebStatus::Ok);
      ASSERT_EQ(leb.value, value);
      ASSERT_EQ(leb.next, encoded.data() + encoded.size());

      const int64_t number = static_cast<int64_t>(random()) >> (64 - bits) >> (random() % bits);
      const auto signed_bytes = encode_signed(number);
      const Leb signed_leb = decode_s(signed_bytes, bits);
      ASSERT_EQ(signed_leb.status, LebStatus::Ok);
      ASSERT_EQ(static_cast<int64_t>(signed_leb.value), number);
    }
  }
}

TEST(Leb, AcceptsPaddingWithinTheLengthLimit) {
  EXPECT_EQ(decode_u({0x83, 0x80, 0x80, 0x80, 0x00}, 32).value, 3U);
  EXPECT_EQ(decode_u({0x83, 0x80, 0x80, 0x80, 0x80, 0x00}, 32).status, LebStatus::TooLong);
  EXPECT_EQ(static_cast<int64_t>(decode_s({0xff, 0xff, 0xff, 0xff, 0x7f}, 32).value), -1);
  EXPECT_EQ(decode_s({0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, 32).status, LebStatus::TooLong);
}

TEST(Leb, RefusesUnusedBits) {
  EXPECT_EQ(decode_u({0xff, 0xff, 0xff, 0xff, 0x0f}, 32).value, 0xffff'ffffU);
  EXPECT_EQ(decode_u({0xff, 0xff, 0xff, 0xff, 0x1f}, 32).status, LebStatus::TooLarge);
  EXPECT_EQ(decode_s({0x80, 0x80, 0x80, 0x80, 0x78}, 32).value, 0xffff'ffff'8000'0000U);
  EXPECT_EQ(decode_s({0x80, 0x80, 0x80, 0x80, 0x70}, 32).status, LebStatus::TooLarge);
  EXPECT_EQ(decode_s({0xff, 0xff, 0xff, 0xff, 0x0f}, 32).status, LebStatus::TooLarge);
}

TEST(Leb, ReportsTheEnd) {
  EXPECT_EQ(decode_u({}, 32).status, LebStatus::Truncated);
  EXPECT_EQ(decode_u({0x80, 0x80}, 32).status, LebStatus::Truncated);
  EXPECT_EQ(decode_s({0xff}, 64).status, LebStatus::Truncated);
}

}  // namespace
}  // namespace nacre::wasm
