#include "nacre/kernel/shell/utf8.hh"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace nacre::shell {
namespace {

std::string collect(std::string_view bytes) {
  Utf8Collector collector;
  std::string out;
  for (const char byte : bytes) out += collector.feed(static_cast<uint8_t>(byte));
  return out;
}

TEST(Utf8, WholeCharactersComeOut) {
  EXPECT_EQ(collect("aé漢😀z"), "aé漢😀z");
}

TEST(Utf8, WhatIsNoneIsLeftOut) {
  EXPECT_EQ(collect("a\x80z"), "az");
  EXPECT_EQ(collect("a\xc3z"), "az");
  EXPECT_EQ(collect("a\xc0\x80z"), "az") << "overlong";
  EXPECT_EQ(collect("a\xed\xa0\x80z"), "az") << "a surrogate";
  EXPECT_EQ(collect("a\xf4\x90\x80\x80z"), "az") << "beyond U+10FFFF";
  EXPECT_EQ(collect("\xe6\xbc\xc3\xa9"), "é") << "cut short by another";
}

TEST(Utf8, AnyBytesGiveWholeCharacters) {
  std::mt19937 random(7);
  for (unsigned round = 0; round < 5000; ++round) {
    std::string bytes;
    for (unsigned n = random() % 20; n > 0; --n)
      bytes += static_cast<char>(random() % 3 == 0 ? random() % 128 : 128 + random() % 128);
    const std::string out = collect(bytes);
    // What came out once comes out again as it is, and its boundaries are those of its characters.
    EXPECT_EQ(collect(out), out);
    for (size_t at = 0; at < out.size(); at = next_boundary(out, at)) {
      EXPECT_EQ(previous_boundary(out, next_boundary(out, at)), at);
      EXPECT_LE(width_at(out, at), 2u);
    }
  }
}

TEST(Utf8, Widths) {
  EXPECT_EQ(width_at("a", 0), 1u);
  EXPECT_EQ(width_at("é", 0), 1u);
  EXPECT_EQ(width_at("漢", 0), 2u);
  EXPECT_EQ(width_at("😀", 0), 2u);
  EXPECT_EQ(width_at("\xcc\x81", 0), 0u) << "a combining accent";
}

}  // namespace
}  // namespace nacre::shell
