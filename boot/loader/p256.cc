// Elements of the field are in Montgomery's form, x × 2^256 mod p, always below p. Points are projective (x = X / Z, y = Y / Z),
// and added by formulas that hold for all of them, the point at infinity (0 : 1 : 0) and equal ones included: J. Renes, C. Costello,
// L. Batina, "Complete addition formulas for prime order elliptic curves", 2016, algorithms 4 and 6.
#include "p256.hh"

#include <cstddef>

namespace nacre::loader::p256 {
namespace {

using Wide = unsigned __int128;

// 2^256 - 2^224 + 2^192 + 2^96 - 1; the least significant limb first, as everywhere here.
constexpr std::array<uint64_t, 4> kPrime = {0xffff'ffff'ffff'ffff, 0x0000'0000'ffff'ffff, 0,
                                            0xffff'ffff'0000'0001};

struct Element {
  std::array<uint64_t, 4> limbs{};
  bool operator==(const Element&) const = default;
};

constexpr uint64_t add_with_carry(uint64_t a, uint64_t b, uint64_t& carry) {
  const Wide sum = Wide{a} + b + carry;
  carry = static_cast<uint64_t>(sum >> 64);
  return static_cast<uint64_t>(sum);
}

constexpr uint64_t subtract_with_borrow(uint64_t a, uint64_t b, uint64_t& borrow) {
  const Wide difference = Wide{a} - b - borrow;
  borrow = static_cast<uint64_t>(difference >> 64) & 1;
  return static_cast<uint64_t>(difference);
}

// Of a number below 2p, with its 257th bit.
constexpr Element reduce_once(const std::array<uint64_t, 4>& value, uint64_t top) {
  Element reduced;
  uint64_t borrow = 0;
  for (size_t i = 0; i < 4; ++i) {
    reduced.limbs[i] = subtract_with_borrow(value[i], kPrime[i], borrow);
  }
  return borrow > top ? Element{value} : reduced;
}

[[gnu::noinline]] constexpr Element operator+(const Element& a, const Element& b) {
  std::array<uint64_t, 4> sum;
  uint64_t carry = 0;
  for (size_t i = 0; i < 4; ++i) sum[i] = add_with_carry(a.limbs[i], b.limbs[i], carry);
  return reduce_once(sum, carry);
}

[[gnu::noinline]] constexpr Element operator-(const Element& a, const Element& b) {
  Element difference;
  uint64_t borrow = 0;
  for (size_t i = 0; i < 4; ++i) {
    difference.limbs[i] = subtract_with_borrow(a.limbs[i], b.limbs[i], borrow);
  }
  if (borrow == 0) return difference;
  uint64_t carry = 0;
  for (size_t i = 0; i < 4; ++i) {
    difference.limbs[i] = add_with_carry(difference.limbs[i], kPrime[i], carry);
  }
  return difference;
}

// a × b / 2^256. After each limb of b a multiple m of p is added that makes the lowest limb 0; since p is -1 modulo 2^64, m is
// that limb. m × p without its part that cancels is m × 2^96 + m × (2^256 - 2^224 + 2^192).
constexpr Element operator*(const Element& a, const Element& b) {
  std::array<uint64_t, 4> t{};
  uint64_t top = 0;  // 2^256 and 2^320, as far as they are needed
  for (const uint64_t limb : b.limbs) {
    uint64_t high = 0;
    for (size_t i = 0; i < 4; ++i) {
      const Wide product = Wide{a.limbs[i]} * limb + t[i] + high;
      t[i] = static_cast<uint64_t>(product);
      high = static_cast<uint64_t>(product >> 64);
    }
    uint64_t carry = 0;
    const uint64_t fifth = add_with_carry(top, high, carry);
    const uint64_t m = t[0];
    const Wide upper = Wide{m} * kPrime[3];
    uint64_t more = 0;
    t[0] = add_with_carry(t[1], m << 32, more);
    t[1] = add_with_carry(t[2], m >> 32, more);
    t[2] = add_with_carry(t[3], static_cast<uint64_t>(upper), more);
    t[3] = add_with_carry(fifth, static_cast<uint64_t>(upper >> 64), more);
    top = carry + more;
  }
  return reduce_once(t, top);
}

constexpr Element twice(const Element& a) {
  return a + a;
}
constexpr Element thrice(const Element& a) {
  return a + a + a;
}

// 2^512 mod p: makes Montgomery's form.
constexpr Element kSquaredRadix = {
    {0x0000'0000'0000'0003, 0xffff'fffb'ffff'ffff, 0xffff'ffff'ffff'fffe, 0x0000'0004'ffff'fffd}};
constexpr Element kZero = {};
constexpr Element kOne = Element{{1, 0, 0, 0}} * kSquaredRadix;
constexpr Element kB = Element{{0x3bce'3c3e'27d2'604b, 0x651d'06b0'cc53'b0f6, 0xb3eb'bd55'7698'86bc,
                                0x5ac6'35d8'aa3a'93e7}} *
                       kSquaredRadix;
constexpr Element kBaseX = Element{{0xf4a1'3945'd898'c296, 0x7703'7d81'2deb'33a0,
                                    0xf8bc'e6e5'63a4'40f2, 0x6b17'd1f2'e12c'4247}} *
                           kSquaredRadix;
constexpr Element kBaseY = Element{{0xcbb6'4068'37bf'51f5, 0x2bce'3357'6b31'5ece,
                                    0x8ee7'eb4a'7c0f'9e16, 0x4fe3'42e2'fe1a'7f9b}} *
                           kSquaredRadix;

constexpr bool is_on_curve(const Element& x, const Element& y) {
  return y * y == x * x * x - thrice(x) + kB;
}
static_assert(is_on_curve(kBaseX, kBaseY));

struct Projective {
  Element x;
  Element y;
  Element z;
};

Projective add(const Projective& p, const Projective& q) {
  const Element xx = p.x * q.x;
  const Element yy = p.y * q.y;
  const Element zz = p.z * q.z;
  const Element xy = (p.x + p.y) * (q.x + q.y) - (xx + yy);
  const Element yz = (p.y + p.z) * (q.y + q.z) - (yy + zz);
  const Element xz = (p.x + p.z) * (q.x + q.z) - (xx + zz);
  const Element c = thrice(xz - kB * zz);
  const Element zz3 = thrice(zz);
  const Element d = thrice(kB * xz - zz3 - xx);
  const Element e = thrice(xx) - zz3;
  return {
      .x = xy * (yy + c) - yz * d, .y = (yy + c) * (yy - c) + e * d, .z = yz * (yy - c) + xy * e};
}

Projective doubled(const Projective& p) {
  const Element xx = p.x * p.x;
  const Element yy = p.y * p.y;
  const Element zz = p.z * p.z;
  const Element xy2 = twice(p.x * p.y);
  const Element xz2 = twice(p.x * p.z);
  const Element yz2 = twice(p.y * p.z);
  const Element c = thrice(kB * zz - xz2);
  const Element zz3 = thrice(zz);
  const Element d = thrice(kB * xz2 - zz3 - xx);
  const Element e = thrice(xx) - zz3;
  return {
      .x = (yy - c) * xy2 - yz2 * d, .y = (yy - c) * (yy + c) + e * d, .z = twice(twice(yz2 * yy))};
}

// To the power of p - 2.
Element inverse(const Element& a) {
  std::array<uint64_t, 4> exponent = kPrime;
  exponent[0] -= 2;
  Element power = kOne;
  for (size_t bit = 256; bit-- > 0;) {
    power = power * power;
    if ((exponent[bit / 64] >> bit % 64 & 1) != 0) power = power * a;
  }
  return power;
}

// 32 bytes, big-endian; nothing from p on.
std::optional<Element> decode(const uint8_t* bytes) {
  std::array<uint64_t, 4> value{};
  for (size_t i = 0; i < 32; ++i) value[3 - i / 8] = value[3 - i / 8] << 8 | bytes[i];
  uint64_t borrow = 0;
  for (size_t i = 0; i < 4; ++i) (void)subtract_with_borrow(value[i], kPrime[i], borrow);
  if (borrow == 0) return std::nullopt;
  return Element{value} * kSquaredRadix;
}

void encode(const Element& element, uint8_t* bytes) {
  const Element value = element * Element{{1, 0, 0, 0}};
  for (size_t i = 0; i < 32; ++i) {
    bytes[i] = static_cast<uint8_t>(value.limbs[3 - i / 8] >> (56 - 8 * (i % 8)));
  }
}

// Two bits, counted from the most significant ones.
unsigned digit(const Scalar& scalar, size_t index) {
  return scalar[index / 4] >> (6 - 2 * (index % 4)) & 3;
}

}  // namespace

std::optional<Point> multiply_add(const Point& point, const Scalar& u, const Scalar& v) {
  const auto x = decode(point.bytes.data());
  const auto y = decode(point.bytes.data() + 32);
  if (!x || !y || !is_on_curve(*x, *y)) return std::nullopt;
  const Projective mine = {*x, *y, kOne};
  const Projective base = {kBaseX, kBaseY, kOne};
  // At 4i + j: i times the point and j times the base point.
  std::array<Projective, 16> multiples;
  multiples[0] = {kZero, kOne, kZero};
  for (size_t i = 1; i < 16; ++i) {
    multiples[i] = i % 4 != 0 ? add(multiples[i - 1], base) : add(multiples[i - 4], mine);
  }
  Projective sum = multiples[0];
  for (size_t i = 0; i < 4 * sizeof(Scalar); ++i) {
    sum = add(doubled(doubled(sum)), multiples[4 * digit(u, i) + digit(v, i)]);
  }
  if (sum.z == kZero) return std::nullopt;
  const Element z = inverse(sum.z);
  Point result;
  encode(sum.x * z, result.bytes.data());
  encode(sum.y * z, result.bytes.data() + 32);
  return result;
}

}  // namespace nacre::loader::p256
