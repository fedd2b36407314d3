// The shortest decimal digits that read back as a floating-point number, and of these the ones nearest to it: Steele and White's
// free-format algorithm with integers of any needed size. Slow, for what people read; the library's is fast, at the price of
// 120 KB of tables in the boot image.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nacre::runtime {

// 0.d1d2d3… × 10^exponent, with d1 not 0.
struct Decimal {
  static constexpr size_t kMaxDigits = 17;

  std::array<char, kMaxDigits> text{};
  size_t count = 0;
  int exponent = 0;

  [[nodiscard]] std::string_view digits() const { return {text.data(), count}; }
};

// Of a finite number that is greater than 0.
[[nodiscard]] Decimal shortest_decimal(double value);
[[nodiscard]] Decimal shortest_decimal(float value);

}  // namespace nacre::runtime
