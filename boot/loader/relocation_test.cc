#include "relocation.hh"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace nacre::loader {
namespace {

std::vector<uint64_t> visited(const std::vector<uint64_t>& list) {
  std::vector<uint64_t> out;
  for_each_relocation(list, [&](uint64_t address) { out.push_back(address); });
  return out;
}

// The format's own example: an address, and a bitmap for the words behind it.
TEST(Relocation, ABitmapCountsFromTheWordBehindTheLast) {
  EXPECT_EQ(visited({}), std::vector<uint64_t>{});
  EXPECT_EQ(visited({0x1000}), std::vector<uint64_t>{0x1000});
  EXPECT_EQ(visited({0x1000, 0b1011}), (std::vector<uint64_t>{0x1000, 0x1008, 0x1018}));
  EXPECT_EQ(visited({0x1000, 1, 0b11}), (std::vector<uint64_t>{0x1000, 0x1008 + 63 * 8}));
  EXPECT_EQ(visited({0x1000, uint64_t{1} << 63 | 1}),
            (std::vector<uint64_t>{0x1000, 0x1008 + 62 * 8}));
}

// Made the way the linker makes it, from a random set of words.
TEST(Relocation, WhatIsEncodedComesBack) {
  std::mt19937_64 random(3);
  for (unsigned round = 0; round < 500; ++round) {
    std::set<uint64_t> words;
    const uint64_t span = 1 + random() % 2000;
    for (unsigned i = 0; i < 1 + random() % 200; ++i) words.insert(0x8000 + random() % span * 8);
    std::vector<uint64_t> list;
    for (auto it = words.begin(); it != words.end();) {
      list.push_back(*it);
      uint64_t next = *it++ + 8;
      while (it != words.end() && *it < next + 63 * 8) {
        uint64_t bits = 1;
        for (; it != words.end() && *it < next + 63 * 8; ++it) {
          bits |= uint64_t{2} << ((*it - next) / 8);
        }
        list.push_back(bits);
        next += 63 * 8;
      }
    }
    ASSERT_EQ(visited(list), std::vector<uint64_t>(words.begin(), words.end()));
  }
}

}  // namespace
}  // namespace nacre::loader
