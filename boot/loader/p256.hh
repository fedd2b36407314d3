// Points of the curve P-256 (FIPS 186-4, D.1.2.3), as far as checking a signature needs them: what is computed is public, so
// nothing hides how long it takes. Under BearSSL's ECDSA, whose own points for this curve take five times as long.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace nacre::loader::p256 {

using Scalar = std::array<uint8_t, 32>;  // big-endian, any value
struct Point {
  std::array<uint8_t, 64> bytes;  // x and y, big-endian
  bool operator==(const Point&) const = default;
};

// u × point + v × the curve's base point. Nothing if the point does not lie on the curve, or the sum is the point at infinity.
[[nodiscard]] std::optional<Point> multiply_add(const Point& point, const Scalar& u,
                                                const Scalar& v);

}  // namespace nacre::loader::p256
