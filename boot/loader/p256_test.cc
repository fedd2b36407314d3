#include "p256.hh"

#include <gtest/gtest.h>

#include <random>
#include <string_view>

namespace nacre::loader::p256 {
namespace {

constexpr std::string_view kZeros =
    "0000000000000000000000000000000000000000000000000000000000000000";
constexpr std::string_view kBaseX =
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
constexpr std::string_view kBaseY =
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
// Of the field's elements, and of the points.
constexpr std::string_view kPrime =
    "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
constexpr std::string_view kOrder =
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

uint8_t nibble(char c) {
  return static_cast<uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10);
}

Scalar scalar(std::string_view hex) {
  Scalar out{};
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<uint8_t>(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
  }
  return out;
}

Scalar small(uint8_t value) {
  Scalar out{};
  out.back() = value;
  return out;
}

Point point(const Scalar& x, const Scalar& y) {
  Point out{};
  std::ranges::copy(x, out.bytes.begin());
  std::ranges::copy(y, out.bytes.begin() + 32);
  return out;
}

Point point(std::string_view x, std::string_view y) {
  return point(scalar(x), scalar(y));
}

Point base() {
  return point(kBaseX, kBaseY);
}

Scalar random_scalar(std::mt19937_64& random) {
  Scalar out{};
  for (uint8_t& byte : out) byte = static_cast<uint8_t>(random());
  return out;
}

// Modulo 2^256: a carry out of the top is left to the caller.
Scalar sum(const Scalar& a, const Scalar& b, unsigned& carry) {
  Scalar out{};
  carry = 0;
  for (size_t i = out.size(); i-- > 0;) {
    carry += a[i] + b[i];
    out[i] = static_cast<uint8_t>(carry);
    carry >>= 8;
  }
  return out;
}

struct Known {
  std::string_view x, y, u, v, result_x, result_y;
};

// By the textbook's affine formulas with numbers of any size, in another language. Among them: equal points, opposite ones on
// the way, scalars of 0, 1 and beyond the order.
constexpr Known kKnown[] = {
    {"6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
     "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
     "0000000000000000000000000000000000000000000000000000000000000000",
     "0000000000000000000000000000000000000000000000000000000000000001",
     "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
     "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"},
    {"6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
     "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
     "0000000000000000000000000000000000000000000000000000000000000001",
     "0000000000000000000000000000000000000000000000000000000000000001",
     "7cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978",
     "07775510db8ed040293d9ac69f7430dbba7dade63ce982299e04b79d227873d1"},
    {"6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
     "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
     "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
     "0000000000000000000000000000000000000000000000000000000000000002",
     "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
     "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"},
    {"6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
     "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
     "25eed59022e2ce23468ec05098538d43359fc040fcae2c43d9e91d1d7877abaa",
     "0a4788a904b1ca663a3b19812e55d63a005ab5c78be236b068d7ef788a37b4b7"},
    {"f8efcff128f696fd7dc224dfcb3f99ff2fe3327b9bf074c1522bd63a1c2fa73d",
     "571050deac54112a9355d000bb8fe2cc69d8c7fc9f1c83c59936d1d44bc0f7d8",
     "0000000000000000000000000000000000000000000000000000000000000001",
     "0000000000000000000000000000000000000000000000000000000000000000",
     "f8efcff128f696fd7dc224dfcb3f99ff2fe3327b9bf074c1522bd63a1c2fa73d",
     "571050deac54112a9355d000bb8fe2cc69d8c7fc9f1c83c59936d1d44bc0f7d8"},
    {"f8efcff128f696fd7dc224dfcb3f99ff2fe3327b9bf074c1522bd63a1c2fa73d",
     "571050deac54112a9355d000bb8fe2cc69d8c7fc9f1c83c59936d1d44bc0f7d8",
     "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552",
     "0000000000000000000000000000000000000000000000000000000000000000",
     "f8efcff128f696fd7dc224dfcb3f99ff2fe3327b9bf074c1522bd63a1c2fa73d",
     "571050deac54112a9355d000bb8fe2cc69d8c7fc9f1c83c59936d1d44bc0f7d8"},
    {"f8efcff128f696fd7dc224dfcb3f99ff2fe3327b9bf074c1522bd63a1c2fa73d",
     "571050deac54112a9355d000bb8fe2cc69d8c7fc9f1c83c59936d1d44bc0f7d8",
     "0000000000000000000000000000000000000000000000000000000000000001",
     "0000000000000000000000000000000000000000000000000000000000000001",
     "b0a1f58fe3e991c56fb54053ded00cba1f1caef91b1009f2b37dcf58bca51935",
     "9d240905a3e6eb0b75bb669c3a2238d24487258e4dca0196ca1917a60ab603fc"},
    {"f8efcff128f696fd7dc224dfcb3f99ff2fe3327b9bf074c1522bd63a1c2fa73d",
     "a8efaf2053abeed66caa2fff44701d339627380460e37c3a66c92e2bb43f0827",
     "0000000000000000000000000000000000000000000000000000000000000003",
     "0000000000000000000000000000000000000000000000000000000000000007",
     "000d200a39bbeb45c7f26337212e551ba115cc3eef6ed0efcf80ac638e77d354",
     "59c638224bda9d7e5a879cb1d7af24571248138bf8d3a11f0ea0619428cc3cc1"},
    {"24c0a8f1203e601f72b7600bb8425f9ed952f74212fcbbc54694a5b758f7d86a",
     "536962593b1279e9f5f7d76ca61de5f85a8f75c9fe45ef405bbc7a3417dd6129",
     "d2aeeaf914c7d3fd9a1ac067541b8ee6f0969fe15284b2bf8e56916a518a4444",
     "f09b30460cce5b3445fff12fb4d7a20d294b97d08e7981664997082c8b7e20bf",
     "7bac39c7d7fbf3291524ccb06994c420e0ff867b037991c11ce1e15bcff1775e",
     "9c96c0c369f4758b67e10bfdaeed295d47e0ea41210025479d5792e7f7f68144"},
    {"46cfaa52e53a4a026283fb18a15744ef352849f7de12b7a02c4840e6511b99d6",
     "a9300c42758e0d75fc3c3eee95a3474f9c729eede1484c0813ee008b31e96c1f",
     "d7a7836fcaf25f54c66f555c240a97759009eb69b50f9ca5376f3052c49915f5",
     "5e0466a76c3472ad2271615630ce9ba502f93eb042e9c091a7d0ba3f0605fca2",
     "2c7d956b37d4dd4881b65d9b05b48c6dfaab9b02418c2e00eece476c46f8e244",
     "352a0659a509883e0877100988fc7cb2a908fc42fa2d7f8e945afb17c40171ee"},
    {"b9d3edb12b63089ac9f2025aef572676a66f0c7ecbe9753e2667775f5ee4d22c",
     "a01549cbcf21dcfd2875e9776cde406af5dd818e9b68a08561f7c437bb115b45",
     "4121f6bb4fd3386e8af6c3d82958f8e113b4655fe0629f22f3f763a8c9cc3e8a",
     "e6fba31f1d6bd29b395698b7d6e88563b8e3469886f176c967728fccae594d41",
     "02a4469648cfa38e50d37f7ce9b1b6f6575d1794d6c3cb9b751f5c124462bcbb",
     "8e2ea557c311ce49fd643feae156d0acad737201f3af121175919c74cbae2b4e"},
    {"809e1fa928341c35b87eaa14834c21e2827e7de7a264f2385cc2663fb24b2ce9",
     "ed712d6e0cd0b65844c18fe5dee71cc23fdd401f8018ff60dff374c0e06b66ad",
     "1d325c79b2d0b22246056f6e2a38e8f7d9d30f57edbd46270aaacd1f58e9ecc3",
     "359158e3c938976ef83bfbfbdfa1c7cc37fcebf3f0829571ea903395001fa86d",
     "7e056831a858b14f075fb8eb45869474a889855997edd2819cece98d0cce946e",
     "8d8917cd3222be229b858b228d5b36ed444b65a0b828f3fae218ea4ef6231fd8"},
    {"a04806f24e3cfeb89186132fc4d6641a4e06efb97335ed4a82b2ab4bd5fe5c2c",
     "ba122135db38834aedc4999ad92f9451e8184f92d241253d42fe0f27607a687e",
     "9f5141d70c0aba9d6de83b825208d651b7667357aa2466fefb327819887bc59d",
     "f31c54e205bdb6d07cd6e193f9629dbf5cdf2e144bab75a8ba8693b97b648aa9",
     "8345fb9cc5007212aff6aa59e208bec921960de080e2202e900361ab9cc271dd",
     "9448834a5b36247d242b35b67b711853eb9bcd08306e80bae823a929f63bf4b8"},
    {"15874ae3b60953f2210da06bc0357880e613f45c395c5553cceaf81742b5813e",
     "b114af74c55f7c1bc09afb1a1142e345d4bbf37c1d76e9bbac41509ed88c5a93",
     "7043c738fa8d42197a01f0c35f50c48ab22f45099b7fc13700ddeecdcdd35e6c",
     "02228a833bd25d5563313bbe1bfb554762850c0005371029cccd5dec04c6ad98",
     "712d496c83910062b70504a13639390a4e9d9372cc87d904f7a8e16bcbe40dc4",
     "ac672bc222fd692b98a8675b1552edad42749b214114eee1e879404bf05044fe"},
};

TEST(P256, KnownSums) {
  for (const Known& known : kKnown) {
    const auto result = multiply_add(point(known.x, known.y), scalar(known.u), scalar(known.v));
    ASSERT_TRUE(result.has_value()) << known.u;
    EXPECT_EQ(*result, point(known.result_x, known.result_y)) << known.u;
  }
}

TEST(P256, InfinityIsNoResult) {
  EXPECT_FALSE(multiply_add(base(), scalar(kZeros), scalar(kZeros)).has_value());
  EXPECT_FALSE(multiply_add(base(), scalar(kOrder), scalar(kZeros)).has_value());
  EXPECT_FALSE(multiply_add(base(), scalar(kZeros), scalar(kOrder)).has_value());
  // n - 1 times the point, and the point.
  Scalar less = scalar(kOrder);
  --less.back();
  EXPECT_FALSE(multiply_add(base(), less, small(1)).has_value());
}

TEST(P256, OnlyPointsOfTheCurve) {
  EXPECT_FALSE(multiply_add(point(kZeros, kZeros), small(1), small(1)).has_value());
  // Coordinates that are not below p: p itself, and the base point's x + p would not fit.
  EXPECT_FALSE(multiply_add(point(kPrime, kBaseY), small(1), small(1)).has_value());
  EXPECT_FALSE(multiply_add(point(kBaseX, kPrime), small(1), small(1)).has_value());
  std::mt19937_64 random(1);
  for (unsigned i = 0; i < 200; ++i) {
    Point wrong = base();
    wrong.bytes[random() % 64] ^= static_cast<uint8_t>(1U << random() % 8);
    EXPECT_FALSE(multiply_add(wrong, small(1), small(1)).has_value());
  }
}

// (u + v) G = u G + v G, whether done in one or in two.
TEST(P256, SumsOfMultiples) {
  std::mt19937_64 random(2);
  for (unsigned i = 0; i < 50; ++i) {
    const Scalar u = random_scalar(random);
    const Scalar v = random_scalar(random);
    const auto both = multiply_add(base(), u, v);
    const auto first = multiply_add(base(), u, small(0));
    ASSERT_TRUE(both && first);
    EXPECT_EQ(multiply_add(*first, small(1), v), both);
    unsigned carry = 0;
    const Scalar total = sum(u, v, carry);
    if (carry == 0) EXPECT_EQ(multiply_add(base(), small(0), total), both);
  }
}

// u (v G) = v (u G).
TEST(P256, MultiplesCommute) {
  std::mt19937_64 random(3);
  for (unsigned i = 0; i < 50; ++i) {
    const Scalar u = random_scalar(random);
    const Scalar v = random_scalar(random);
    const auto by_u = multiply_add(base(), u, small(0));
    const auto by_v = multiply_add(base(), small(0), v);
    ASSERT_TRUE(by_u && by_v);
    EXPECT_EQ(multiply_add(*by_u, v, small(0)), multiply_add(*by_v, u, small(0)));
  }
}

}  // namespace
}  // namespace nacre::loader::p256
