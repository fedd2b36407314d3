#include "nacre/engine/runtime/value_text.hh"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>

namespace nacre::runtime {
namespace {

using wasm::ValType;

std::optional<uint64_t> parse(ValType type, std::string_view word) {
  const auto values = parse_arguments({{type}, {}}, std::span(&word, 1));
  if (!values) return std::nullopt;
  return (*values)[0];
}

TEST(ParseArguments, Integers) {
  EXPECT_EQ(parse(ValType::I32, "0"), 0u);
  EXPECT_EQ(parse(ValType::I32, "-1"), 0xffff'ffffu);
  EXPECT_EQ(parse(ValType::I32, "-2147483648"), 0x8000'0000u);
  EXPECT_EQ(parse(ValType::I32, "-2147483649"), std::nullopt);
  EXPECT_EQ(parse(ValType::I32, "4294967295"), 0xffff'ffffu);
  EXPECT_EQ(parse(ValType::I32, "4294967296"), std::nullopt);
  EXPECT_EQ(parse(ValType::I32, "0xfF"), 255u);
  EXPECT_EQ(parse(ValType::I32, "+7"), 7u);
  EXPECT_EQ(parse(ValType::I64, "-9223372036854775808"), uint64_t{1} << 63);
  EXPECT_EQ(parse(ValType::I64, "18446744073709551615"), ~uint64_t{0});
  EXPECT_EQ(parse(ValType::I64, "18446744073709551616"), std::nullopt);
  for (std::string_view word : {"", "-", "--1", "1 ", " 1", "0x", "1.5", "abc", "- 1", "-+1"}) {
    EXPECT_EQ(parse(ValType::I32, word), std::nullopt) << word;
  }
}

TEST(ParseArguments, Floats) {
  EXPECT_EQ(parse(ValType::F32, "1.5"), std::bit_cast<uint32_t>(1.5f));
  EXPECT_EQ(parse(ValType::F64, "-0"), std::bit_cast<uint64_t>(-0.0));
  EXPECT_EQ(parse(ValType::F64, "inf"), std::bit_cast<uint64_t>(HUGE_VAL));
  EXPECT_EQ(parse(ValType::F64, ""), std::nullopt);
  EXPECT_EQ(parse(ValType::F64, " 1"), std::nullopt);
  EXPECT_EQ(parse(ValType::F64, "1x"), std::nullopt);
}

TEST(ParseArguments, CountAndReferences) {
  EXPECT_FALSE(parse_arguments({{ValType::I32}, {}}, {}));
  EXPECT_EQ(parse(ValType::FuncRef, "0"), std::nullopt);
}

TEST(ValueToString, EveryType) {
  EXPECT_EQ(value_to_string(ValType::I32, 0xffff'ffff), "-1");
  EXPECT_EQ(value_to_string(ValType::I64, ~uint64_t{0}), "-1");
  EXPECT_EQ(value_to_string(ValType::F32, std::bit_cast<uint32_t>(0.1f)), "0.1");
  EXPECT_EQ(value_to_string(ValType::F64, std::bit_cast<uint64_t>(1.0)), "1");
  EXPECT_EQ(value_to_string(ValType::F64, std::bit_cast<uint64_t>(-0.0)), "-0");
  EXPECT_EQ(value_to_string(ValType::F64, std::bit_cast<uint64_t>(1e21)), "1000000000000000000000");
  EXPECT_EQ(value_to_string(ValType::F64, std::bit_cast<uint64_t>(1e23)),
            "100000000000000000000000");
  EXPECT_EQ(value_to_string(ValType::F64, std::bit_cast<uint64_t>(-1234.5)), "-1234.5");
  EXPECT_EQ(value_to_string(ValType::F64, std::bit_cast<uint64_t>(0.00125)), "0.00125");
  EXPECT_EQ(value_to_string(ValType::F64, 0), "0");
  EXPECT_EQ(value_to_string(ValType::F64, 0x7ff8'0000'0000'0000), "NaN");
  EXPECT_EQ(value_to_string(ValType::F64, 0xfff0'0000'0000'0000), "-inf");
  EXPECT_EQ(value_to_string(ValType::FuncRef, 0), "null");
  EXPECT_NE(value_to_string(ValType::FuncRef, 8), "null");
}

TEST(ValueToString, ReadsBackTheSame) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 20000; ++i) {
    const uint64_t bits = random();
    if (std::isnan(std::bit_cast<double>(bits))) continue;
    ASSERT_EQ(parse(ValType::F64, value_to_string(ValType::F64, bits)), bits);
    ASSERT_EQ(parse(ValType::I64, value_to_string(ValType::I64, bits)), bits);
  }
}

}  // namespace
}  // namespace nacre::runtime
