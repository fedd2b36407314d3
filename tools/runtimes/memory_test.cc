#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

extern "C" {
void* nacre_memcpy(void*, const void*, size_t);
void* nacre_memmove(void*, const void*, size_t);
void* nacre_memset(void*, int, size_t);
int nacre_memcmp(const void*, const void*, size_t);
}

namespace {

constexpr size_t kRoom = 160;

std::vector<unsigned char> random_bytes(std::mt19937& random) {
  std::vector<unsigned char> bytes(kRoom);
  for (auto& byte : bytes) byte = static_cast<unsigned char>(random());
  return bytes;
}

TEST(Memory, CopyMatchesTheLibraryAtEveryAlignment) {
  std::mt19937 random(1);
  for (size_t to = 0; to < 9; ++to) {
    for (size_t from = 0; from < 9; ++from) {
      for (size_t size = 0; size < 100; ++size) {
        const auto source = random_bytes(random);
        auto expected = random_bytes(random);
        auto actual = expected;
        std::memcpy(expected.data() + to, source.data() + from, size);
        EXPECT_EQ(nacre_memcpy(actual.data() + to, source.data() + from, size), actual.data() + to);
        ASSERT_EQ(actual, expected) << to << " " << from << " " << size;
      }
    }
  }
}

TEST(Memory, MoveSurvivesEveryOverlap) {
  std::mt19937 random(2);
  for (size_t to = 0; to < 40; ++to) {
    for (size_t from = 0; from < 40; ++from) {
      for (size_t size : {0, 1, 7, 8, 15, 16, 17, 31, 32, 33, 64, 99}) {
        auto expected = random_bytes(random);
        auto actual = expected;
        std::memmove(expected.data() + to, expected.data() + from, size);
        nacre_memmove(actual.data() + to, actual.data() + from, size);
        ASSERT_EQ(actual, expected) << to << " " << from << " " << size;
      }
    }
  }
}

TEST(Memory, SetFillsExactly) {
  for (size_t to = 0; to < 9; ++to) {
    for (size_t size = 0; size < 100; ++size) {
      std::vector<unsigned char> expected(kRoom, 0x11);
      auto actual = expected;
      std::memset(expected.data() + to, 0xa5, size);
      nacre_memset(actual.data() + to, 0xa5, size);
      ASSERT_EQ(actual, expected) << to << " " << size;
    }
  }
}

TEST(Memory, CompareHasTheSignOfTheFirstDifference) {
  std::mt19937 random(3);
  for (size_t size = 1; size < 60; ++size) {
    const auto left = random_bytes(random);
    auto right = left;
    EXPECT_EQ(nacre_memcmp(left.data(), right.data(), size), 0);
    const size_t at = random() % size;
    right[at] = static_cast<unsigned char>(left[at] + 1);
    const int sign = left[at] < right[at] ? -1 : 1;
    EXPECT_EQ(nacre_memcmp(left.data(), right.data(), size), sign);
  }
}

}  // namespace
