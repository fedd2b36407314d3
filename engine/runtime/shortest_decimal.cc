#include "shortest_decimal.hh"

#include <algorithm>
#include <bit>
#include <compare>
#include <limits>

#include "nacre/base/core/panic.hh"

namespace nacre::runtime {
namespace {

// A natural number below 2^1280: the largest here is about ten times the largest double, or 2^1075 times ten.
class Natural {
 public:
  explicit Natural(uint64_t value)
      : limbs_{static_cast<uint32_t>(value), static_cast<uint32_t>(value >> 32)} {}

  void multiply(uint32_t factor) {
    uint64_t carry = 0;
    for (uint32_t& limb : limbs_) {
      carry += uint64_t{limb} * factor;
      limb = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    ASSERT(carry == 0);
  }
  void shift_left(unsigned bits) {
    for (; bits >= 31; bits -= 31) multiply(uint32_t{1} << 31);
    multiply(uint32_t{1} << bits);
  }
  void subtract(const Natural& other) {
    uint64_t borrow = 0;
    for (size_t i = 0; i < limbs_.size(); ++i) {
      const uint64_t difference = uint64_t{limbs_[i]} - other.limbs_[i] - borrow;
      limbs_[i] = static_cast<uint32_t>(difference);
      borrow = difference >> 63;
    }
    ASSERT(borrow == 0);
  }
  [[nodiscard]] Natural plus(const Natural& other) const {
    Natural sum = *this;
    uint64_t carry = 0;
    for (size_t i = 0; i < limbs_.size(); ++i) {
      carry += uint64_t{limbs_[i]} + other.limbs_[i];
      sum.limbs_[i] = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    ASSERT(carry == 0);
    return sum;
  }
  [[nodiscard]] std::strong_ordering operator<=>(const Natural& other) const {
    return std::lexicographical_compare_three_way(limbs_.rbegin(), limbs_.rend(),
                                                  other.limbs_.rbegin(), other.limbs_.rend());
  }
  [[nodiscard]] bool operator==(const Natural&) const = default;

 private:
  std::array<uint32_t, 40> limbs_{};  // the least significant first
};

// value = r / s. Whatever lies between (r - below) / s and (r + above) / s reads back as the value; the ends do if the
// mantissa is even.
struct Scaled {
  Natural r;
  Natural s;
  Natural below;
  Natural above;
  bool with_ends;

  [[nodiscard]] bool is_low() const {
    const auto order = r <=> below;
    return order < 0 || (with_ends && order == 0);
  }
  [[nodiscard]] bool is_high() const {
    const auto order = r.plus(above) <=> s;
    return order > 0 || (with_ends && order == 0);
  }
  void times_ten() {
    r.multiply(10);
    below.multiply(10);
    above.multiply(10);
  }
};

// mantissa × 2^exponent; the next number below is nearer than the one above if `is_power` says that the mantissa is the least one
// with this exponent.
Scaled scale(uint64_t mantissa, int exponent, bool is_power) {
  const unsigned up = exponent > 0 ? static_cast<unsigned>(exponent) : 0;
  const unsigned down = exponent < 0 ? static_cast<unsigned>(-exponent) : 0;
  const unsigned extra = is_power ? 2 : 1;  // half a step is a whole number
  Scaled scaled{Natural(mantissa), Natural(1), Natural(1), Natural(1), mantissa % 2 == 0};
  scaled.r.shift_left(up + extra);
  scaled.s.shift_left(down + extra);
  scaled.below.shift_left(up);
  scaled.above.shift_left(up + extra - 1);
  return scaled;
}

Decimal generate(Scaled scaled) {
  Decimal out;
  // First, so that the value is below 1 and ten times it is not.
  while (scaled.is_high()) {
    scaled.s.multiply(10);
    ++out.exponent;
  }
  for (;;) {
    Scaled next = scaled;
    next.times_ten();
    if (next.is_high()) break;
    scaled = next;
    --out.exponent;
  }
  for (;;) {
    scaled.times_ten();
    unsigned digit = 0;
    while (scaled.r >= scaled.s) {
      scaled.r.subtract(scaled.s);
      ++digit;
    }
    const bool is_low = scaled.is_low();
    const bool is_high = scaled.is_high();
    // The last digit: the nearer one of two that would do, the even one if neither is.
    const auto half = scaled.r.plus(scaled.r) <=> scaled.s;
    if (is_high && (!is_low || half > 0 || (half == 0 && digit % 2 != 0))) ++digit;
    ASSERT(digit <= 9 && out.count < Decimal::kMaxDigits);
    out.text[out.count++] = static_cast<char>('0' + digit);
    if (is_low || is_high) return out;
  }
}

template <class Float, class Bits>
Decimal of(Float value) {
  constexpr int kMantissaBits = std::numeric_limits<Float>::digits - 1;
  constexpr int kLeastExponent = std::numeric_limits<Float>::min_exponent - 1 - kMantissaBits;
  const auto bits = std::bit_cast<Bits>(value);
  const Bits fraction = bits & ((Bits{1} << kMantissaBits) - 1);
  const auto biased = static_cast<int>(bits >> kMantissaBits);
  ASSERT(value > 0);
  if (biased == 0) return generate(scale(fraction, kLeastExponent, false));
  const bool is_power = fraction == 0 && biased > 1;
  return generate(
      scale(fraction | Bits{1} << kMantissaBits, kLeastExponent + biased - 1, is_power));
}

}  // namespace

Decimal shortest_decimal(double value) {
  return of<double, uint64_t>(value);
}
Decimal shortest_decimal(float value) {
  return of<float, uint32_t>(value);
}

}  // namespace nacre::runtime
