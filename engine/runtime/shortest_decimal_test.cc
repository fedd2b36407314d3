#include "shortest_decimal.hh"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <random>
#include <string>

namespace nacre::runtime {
namespace {

std::string text_of(const Decimal& decimal) {
  return std::string(decimal.digits()) + "e" + std::to_string(decimal.exponent);
}

// The same by the library: "d.ddde±x" as digits and an exponent of ours.
template <class Float>
std::string expected(Float value) {
  std::array<char, 64> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                          std::chars_format::scientific);
  EXPECT_EQ(error, std::errc());
  const std::string text(buffer.data(), end);
  const size_t e = text.find('e');
  std::string digits = text.substr(0, e);
  std::erase(digits, '.');
  return digits + "e" + std::to_string(std::stoi(text.substr(e + 1)) + 1);
}

TEST(ShortestDecimal, KnownOnes) {
  EXPECT_EQ(text_of(shortest_decimal(1.0)), "1e1");
  EXPECT_EQ(text_of(shortest_decimal(0.1)), "1e0");
  EXPECT_EQ(text_of(shortest_decimal(0.1f)), "1e0");
  EXPECT_EQ(text_of(shortest_decimal(9.5)), "95e1");
  EXPECT_EQ(text_of(shortest_decimal(5e-324)), "5e-323");
  EXPECT_EQ(text_of(shortest_decimal(std::numeric_limits<double>::max())), "17976931348623157e309");
  EXPECT_EQ(text_of(shortest_decimal(std::numeric_limits<double>::min())),
            "22250738585072014e-307");
  EXPECT_EQ(text_of(shortest_decimal(std::numeric_limits<float>::max())), "34028235e39");
  EXPECT_EQ(text_of(shortest_decimal(std::numeric_limits<float>::denorm_min())), "1e-44");
  // The ends of the interval count for even mantissas.
  EXPECT_EQ(text_of(shortest_decimal(9007199254740992.0)), "9007199254740992e16");
  EXPECT_EQ(text_of(shortest_decimal(1e23)), "1e24");
}

TEST(ShortestDecimal, AgreesWithTheLibrary) {
  std::mt19937_64 random(5);
  for (unsigned i = 0; i < 4000; ++i) {
    const uint64_t bits = random();
    const double wide = std::bit_cast<double>(bits & ~(uint64_t{1} << 63));
    if (std::isfinite(wide) && wide > 0) {
      ASSERT_EQ(text_of(shortest_decimal(wide)), expected(wide)) << bits;
    }
    const auto narrow = std::bit_cast<float>(static_cast<uint32_t>(bits) & 0x7fff'ffff);
    if (std::isfinite(narrow) && narrow > 0) {
      ASSERT_EQ(text_of(shortest_decimal(narrow)), expected(narrow)) << bits;
    }
    // Powers of two have a nearer neighbour below; round numbers have few digits.
    const double power = std::ldexp(1.0, static_cast<int>(bits % 2098) - 1074);
    ASSERT_EQ(text_of(shortest_decimal(power)), expected(power));
    const double round = static_cast<double>(bits % 1000) / 8 + 0.125;
    ASSERT_EQ(text_of(shortest_decimal(round)), expected(round));
  }
}

}  // namespace
}  // namespace nacre::runtime
