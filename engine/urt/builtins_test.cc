#include "nacre/engine/urt/builtins.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

namespace nacre {
namespace {

using abi::MemoryDefinition;
using abi::SegmentDefinition;
using abi::TableDefinition;

constexpr uint64_t kDone = 0;
constexpr uint64_t kOutOfBounds = 1;

uint64_t address_of(const void* pointer) {
  return reinterpret_cast<uint64_t>(pointer);
}

std::vector<uint8_t> counting_bytes(size_t size) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 7 + 1);
  return bytes;
}

// What the specification says, a byte at a time out of a copy.
void reference_copy(std::vector<uint8_t>& bytes, size_t dst, size_t src, size_t size) {
  const std::vector<uint8_t> old = bytes;
  std::copy_n(old.begin() + static_cast<ptrdiff_t>(src), size,
              bytes.begin() + static_cast<ptrdiff_t>(dst));
}

TEST(MemoryCopy, EveryOverlapOfSmallRanges) {
  for (uint32_t dst = 0; dst < 80; dst += 3) {
    for (uint32_t src = 0; src < 80; ++src) {
      for (uint32_t size : {0, 1, 7, 8, 9, 31, 32, 33, 64, 71}) {
        std::vector<uint8_t> bytes = counting_bytes(160);
        std::vector<uint8_t> expected = bytes;
        reference_copy(expected, dst, src, size);
        const MemoryDefinition memory = {address_of(bytes.data()), bytes.size()};
        ASSERT_EQ(nacre_urt_memory_copy(&memory, &memory, dst, src, size), kDone);
        ASSERT_EQ(bytes, expected) << dst << " " << src << " " << size;
      }
    }
  }
}

TEST(MemoryCopy, RandomRangesWithinAndBeyondTheEnd) {
  std::mt19937 random(17);
  for (int round = 0; round < 3000; ++round) {
    std::vector<uint8_t> bytes = counting_bytes(700);
    std::vector<uint8_t> expected = bytes;
    const MemoryDefinition memory = {address_of(bytes.data()), bytes.size()};
    const uint32_t dst = random() % 800;
    const uint32_t src = random() % 800;
    const uint32_t size = random() % 500;
    const bool in_bounds = dst + size <= 700 && src + size <= 700;
    if (in_bounds) reference_copy(expected, dst, src, size);
    ASSERT_EQ(nacre_urt_memory_copy(&memory, &memory, dst, src, size),
              in_bounds ? kDone : kOutOfBounds);
    ASSERT_EQ(bytes, expected);
  }
}

TEST(MemoryCopy, BetweenMemoriesAndSumsBeyond32Bits) {
  std::vector<uint8_t> a = counting_bytes(64);
  std::vector<uint8_t> b(64);
  const MemoryDefinition from = {address_of(a.data()), a.size()};
  const MemoryDefinition to = {address_of(b.data()), b.size()};
  EXPECT_EQ(nacre_urt_memory_copy(&to, &from, 10, 0, 54), kDone);
  EXPECT_TRUE(std::equal(b.begin() + 10, b.end(), a.begin()));
  EXPECT_EQ(nacre_urt_memory_copy(&to, &from, 0xffffffff, 0, 2), kOutOfBounds);
  EXPECT_EQ(nacre_urt_memory_copy(&to, &from, 0, 0xffffffff, 0xffffffff), kOutOfBounds);
  EXPECT_EQ(nacre_urt_memory_copy(&to, &from, 64, 64, 0), kDone);
  EXPECT_EQ(nacre_urt_memory_copy(&to, &from, 65, 0, 0), kOutOfBounds);
}

TEST(MemoryFill, EverySizeAndAlignmentTouchesNothingElse) {
  for (uint32_t dst = 0; dst < 40; ++dst) {
    for (uint32_t size = 0; size < 90; ++size) {
      std::vector<uint8_t> bytes = counting_bytes(140);
      std::vector<uint8_t> expected = bytes;
      std::fill_n(expected.begin() + dst, size, uint8_t{0xc5});
      const MemoryDefinition memory = {address_of(bytes.data()), bytes.size()};
      // Only the low byte of the value counts.
      ASSERT_EQ(nacre_urt_memory_fill(&memory, dst, 0xffff'ffc5, size), kDone);
      ASSERT_EQ(bytes, expected);
    }
  }
}

TEST(MemoryFill, OutOfBoundsWritesNothing) {
  std::vector<uint8_t> bytes = counting_bytes(32);
  const std::vector<uint8_t> before = bytes;
  const MemoryDefinition memory = {address_of(bytes.data()), bytes.size()};
  EXPECT_EQ(nacre_urt_memory_fill(&memory, 31, 0, 2), kOutOfBounds);
  EXPECT_EQ(nacre_urt_memory_fill(&memory, 33, 0, 0), kOutOfBounds);
  EXPECT_EQ(nacre_urt_memory_fill(&memory, 32, 0, 0), kDone);
  EXPECT_EQ(bytes, before);
}

TEST(MemoryInit, ChecksMemoryAndSegment) {
  const std::vector<uint8_t> source = counting_bytes(20);
  std::vector<uint8_t> bytes(32);
  const MemoryDefinition memory = {address_of(bytes.data()), bytes.size()};
  SegmentDefinition segment = {address_of(source.data()), source.size()};
  EXPECT_EQ(nacre_urt_memory_init(&memory, &segment, 12, 1, 19), kDone);
  EXPECT_TRUE(std::equal(source.begin() + 1, source.end(), bytes.begin() + 12));
  EXPECT_EQ(nacre_urt_memory_init(&memory, &segment, 13, 0, 20), kOutOfBounds);
  EXPECT_EQ(nacre_urt_memory_init(&memory, &segment, 0, 1, 20), kOutOfBounds);
  segment.length = 0;  // dropped
  EXPECT_EQ(nacre_urt_memory_init(&memory, &segment, 0, 0, 0), kDone);
  EXPECT_EQ(nacre_urt_memory_init(&memory, &segment, 0, 0, 1), kOutOfBounds);
}

TEST(Tables, CopyFillInit) {
  std::vector<uint64_t> elements = {1, 2, 3, 4, 5, 6, 7, 8};
  const TableDefinition table = {address_of(elements.data()), elements.size(), 100};
  EXPECT_EQ(nacre_urt_table_copy(&table, &table, 1, 0, 6), kDone);
  EXPECT_THAT(elements, testing::ElementsAre(1, 1, 2, 3, 4, 5, 6, 8));
  EXPECT_EQ(nacre_urt_table_copy(&table, &table, 3, 0, 6), kOutOfBounds);
  EXPECT_EQ(nacre_urt_table_fill(&table, 5, 0xdeadbeef0, 3), kDone);
  EXPECT_THAT(elements, testing::ElementsAre(1, 1, 2, 3, 4, 0xdeadbeef0, 0xdeadbeef0, 0xdeadbeef0));
  EXPECT_EQ(nacre_urt_table_fill(&table, 5, 0, 4), kOutOfBounds);
  const std::vector<uint64_t> references = {70, 71, 72};
  const SegmentDefinition segment = {address_of(references.data()), references.size()};
  EXPECT_EQ(nacre_urt_table_init(&table, &segment, 6, 1, 2), kDone);
  EXPECT_THAT(elements, testing::ElementsAre(1, 1, 2, 3, 4, 0xdeadbeef0, 71, 72));
  EXPECT_EQ(nacre_urt_table_init(&table, &segment, 7, 0, 2), kOutOfBounds);
  EXPECT_EQ(nacre_urt_table_init(&table, &segment, 0, 2, 2), kOutOfBounds);
}

}  // namespace
}  // namespace nacre
