#include "nacre/kernel/testing/filter.hh"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace nacre::testing {
namespace {

TEST(TestFilter, NothingMeansEverything) {
  EXPECT_TRUE(filter_accepts("", "mm.heap"));
  EXPECT_TRUE(filter_accepts(",", "mm.heap"));
}

TEST(TestFilter, Patterns) {
  EXPECT_TRUE(filter_accepts("mm.heap", "mm.heap"));
  EXPECT_FALSE(filter_accepts("mm.heap", "mm.heaps"));
  EXPECT_TRUE(filter_accepts("mm.*", "mm.heap"));
  EXPECT_FALSE(filter_accepts("mm.*", "mmm.heap"));
  EXPECT_TRUE(filter_accepts("*heap", "mm.heap"));
  EXPECT_TRUE(filter_accepts("*h*a*", "mm.heap"));
  EXPECT_FALSE(filter_accepts("*h*b*", "mm.heap"));
  EXPECT_TRUE(filter_accepts("exec,mm", "mm.heap"));
  EXPECT_FALSE(filter_accepts("exec,m", "mm.heap"));
}

TEST(TestFilter, Exclusions) {
  EXPECT_FALSE(filter_accepts("-mm", "mm.heap"));
  EXPECT_TRUE(filter_accepts("-exec", "mm.heap"));
  EXPECT_FALSE(filter_accepts("mm.*,-*heap", "mm.heap"));
  EXPECT_FALSE(filter_accepts("-*heap,mm.*", "mm.heap"));
  EXPECT_TRUE(filter_accepts("mm.*,-*heap", "mm.frames"));
}

// Against the obvious definition by recursion.
bool reference(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') {
    return reference(pattern.substr(1), text) ||
           (!text.empty() && reference(pattern, text.substr(1)));
  }
  return !text.empty() && pattern[0] == text[0] && reference(pattern.substr(1), text.substr(1));
}

TEST(TestFilter, StarsAgreeWithTheirDefinition) {
  std::mt19937 random(3);
  unsigned accepted = 0;
  for (unsigned round = 0; round < 20000; ++round) {
    std::string pattern = "*";
    std::string text;
    for (unsigned n = random() % 6; n > 0; --n) pattern += "ab*"[random() % 3];
    for (unsigned n = random() % 8; n > 0; --n) text += "ab"[random() % 2];
    const bool expected = reference(pattern, text);
    accepted += expected ? 1 : 0;
    EXPECT_EQ(filter_accepts(pattern, text), expected) << pattern << " " << text;
  }
  EXPECT_GT(accepted, 1000u);
}

}  // namespace
}  // namespace nacre::testing
