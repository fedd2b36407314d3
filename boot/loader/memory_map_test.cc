#include "memory_map.hh"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "nacre/base/core/address.hh"

namespace nacre::loader {
namespace {

using abi::MemoryKind;

struct Expected {
  uint64_t base;
  uint64_t size;
  MemoryKind kind;
};

void expect_regions(const MemoryMap& map, const std::vector<Expected>& expected) {
  ASSERT_EQ(map.regions().size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(map.regions()[i].base, expected[i].base) << i;
    EXPECT_EQ(map.regions()[i].size, expected[i].size) << i;
    EXPECT_EQ(map.regions()[i].kind, expected[i].kind) << i;
  }
}

TEST(MemoryMap, PaintSplitsAndJoins) {
  MemoryMap map;
  ASSERT_EQ(map.add_memory(0x80000000, 0x10000), PaintStatus::Done);
  ASSERT_EQ(map.paint(0x80002000, 0x1001, MemoryKind::Firmware), PaintStatus::Done);
  expect_regions(map, {{0x80000000, 0x2000, MemoryKind::Usable},
                       {0x80002000, 0x2000, MemoryKind::Firmware},
                       {0x80004000, 0xc000, MemoryKind::Usable}});
  EXPECT_EQ(map.largest_usable()->base, 0x80004000u);
  ASSERT_EQ(map.paint(0x80000000, 0x10000, MemoryKind::Loader), PaintStatus::Done);
  expect_regions(map, {{0x80000000, 0x10000, MemoryKind::Loader}});
  EXPECT_FALSE(map.largest_usable().has_value());
}

TEST(MemoryMap, MemoryIsCutToWholePagesAndMayOverlap) {
  MemoryMap map;
  ASSERT_EQ(map.add_memory(0x1001, 0x2fff), PaintStatus::Done);
  ASSERT_EQ(map.add_memory(0x8000, 0x1000), PaintStatus::Done);
  ASSERT_EQ(map.add_memory(0x3000, 0x6000), PaintStatus::Done);
  ASSERT_EQ(map.add_memory(0x20, 0x30), PaintStatus::Done);
  expect_regions(map, {{0x2000, 0x7000, MemoryKind::Usable}});
}

TEST(MemoryMap, WhetherARangeIsMemory) {
  MemoryMap map;
  ASSERT_EQ(map.add_memory(0x4000, 0x4000), PaintStatus::Done);
  ASSERT_EQ(map.add_memory(0x10000, 0x1000), PaintStatus::Done);
  ASSERT_EQ(map.paint(0x5000, 0x1000, MemoryKind::Loader), PaintStatus::Done);
  ASSERT_EQ(map.paint(0x6000, 0x1000, MemoryKind::Initrd), PaintStatus::Done);
  const auto holds = [&](uint64_t begin, uint64_t size) {
    return map.holds({begin, size}, MemoryKind::Loader);
  };
  EXPECT_TRUE(holds(0x4000, 0x1000));
  EXPECT_TRUE(holds(0x6123, 0x1edd));
  EXPECT_TRUE(holds(0x10fff, 1));
  EXPECT_TRUE(holds(0, 0));
  EXPECT_FALSE(holds(0x3fff, 1));
  EXPECT_FALSE(holds(0x3fff, 2));
  EXPECT_FALSE(holds(0x6123, 0x1ede));
  EXPECT_FALSE(holds(0x7000, 0x9800));
  EXPECT_FALSE(holds(0x10fff, 2));
  EXPECT_FALSE(holds(0x11000, 1));
  EXPECT_FALSE(holds(0x4fff, 2));
  EXPECT_FALSE(holds(0x5fff, 2));
  EXPECT_FALSE(holds(0x6000, ~uint64_t{0}));
}

TEST(MemoryMap, PaintOutsideMemoryIsIgnored) {
  MemoryMap map;
  ASSERT_EQ(map.add_memory(0x4000, 0x1000), PaintStatus::Done);
  ASSERT_EQ(map.paint(0x0, 0x4000, MemoryKind::Firmware), PaintStatus::Done);
  ASSERT_EQ(map.paint(0x5000, ~uint64_t{0}, MemoryKind::Firmware), PaintStatus::Done);
  ASSERT_EQ(map.paint(0x4000, 0, MemoryKind::Firmware), PaintStatus::Done);
  expect_regions(map, {{0x4000, 0x1000, MemoryKind::Usable}});
}

TEST(MemoryMap, TooManyRegionsIsSaid) {
  MemoryMap map;
  ASSERT_EQ(map.add_memory(0, uint64_t{1} << 30), PaintStatus::Done);
  PaintStatus status = PaintStatus::Done;
  for (uint64_t i = 0; i < 40 && status == PaintStatus::Done; ++i) {
    status = map.paint((2 * i + 1) << 12, 1, MemoryKind::Firmware);
  }
  EXPECT_EQ(status, PaintStatus::TooManyRegions);
}

// Against an array with one kind a page.
TEST(MemoryMap, AgreesWithAModel) {
  std::mt19937 random(8);
  constexpr uint64_t kPages = 40;
  for (unsigned round = 0; round < 3000; ++round) {
    MemoryMap map;
    std::vector<int> model(kPages, -1);
    for (unsigned step = 0; step < 12; ++step) {
      const uint64_t base = random() % (kPages << 12);
      const uint64_t size = random() % (8 << 12);
      const uint64_t end = std::min(base + size, kPages << 12);
      if (step < 3) {
        ASSERT_EQ(map.add_memory(base, end - base), PaintStatus::Done);
        for (uint64_t p = (base + 4095) >> 12; p < end >> 12; ++p) {
          if (model[p] < 0) model[p] = 0;
        }
        continue;
      }
      const int kind = static_cast<int>(random() % 6);
      ASSERT_EQ(map.paint(base, end - base, static_cast<MemoryKind>(kind)), PaintStatus::Done);
      for (uint64_t p = base >> 12; end > base && p < (end + 4095) >> 12; ++p) {
        if (model[p] >= 0) model[p] = kind;
      }
    }
    std::vector<int> actual(kPages, -1);
    uint64_t last_end = 0;
    int last_kind = -1;
    for (const auto& region : map.regions()) {
      ASSERT_GE(region.base, last_end);
      const bool adjacent = region.base == last_end && last_kind >= 0;
      ASSERT_FALSE(adjacent && static_cast<int>(region.kind) == last_kind) << "not joined";
      last_end = region.base + region.size;
      last_kind = static_cast<int>(region.kind);
      for (uint64_t p = region.base >> 12; p < last_end >> 12; ++p) actual[p] = last_kind;
    }
    ASSERT_EQ(actual, model);
  }
}

}  // namespace
}  // namespace nacre::loader
