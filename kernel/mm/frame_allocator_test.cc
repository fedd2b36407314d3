#include "nacre/kernel/mm/frame_allocator.hh"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "fake_machine.hh"

namespace nacre::mm {
namespace {

TEST(BootMemory, ReserveSplitsAndAllocateTakesTheTop) {
  BootMemory memory;
  memory.add({PhysAddr(0x8000'0000), ByteSize::mib(1)});
  memory.add({PhysAddr(0x9000'0001), ByteSize(0x2fff)});  // whole pages only
  ASSERT_EQ(memory.free_ranges().size(), 2u);
  EXPECT_EQ(memory.free_ranges()[1], (MemoryRange{PhysAddr(0x9000'1000), ByteSize(0x2000)}));
  memory.reserve({PhysAddr(0x8000'4010), ByteSize(0x10)});
  ASSERT_EQ(memory.free_ranges().size(), 3u);
  EXPECT_EQ(memory.free_ranges()[0], (MemoryRange{PhysAddr(0x8000'0000), ByteSize(0x4000)}));
  EXPECT_EQ(memory.free_ranges()[1].start, PhysAddr(0x8000'5000));
  EXPECT_EQ(memory.allocate(ByteSize(1)), PhysAddr(0x9000'2000));
  EXPECT_EQ(memory.allocate(ByteSize(0x8000), 0x8000), PhysAddr(0x800f'8000));
  EXPECT_EQ(memory.allocate(ByteSize::mib(2)), std::nullopt);
  memory.reserve({PhysAddr(0), ByteSize::gib(16)});
  EXPECT_TRUE(memory.free_ranges().empty());
}

TEST(FrameAllocator, HolesStayReserved) {
  FakeMemory backing(ByteSize::mib(4));
  // A second allocator over the same array, with a hole and an unaligned start.
  const PhysAddr base(FakeMemory::kBase);
  BootMemory boot;
  boot.add({base + ByteSize::pages(3), ByteSize::pages(500)});
  boot.add({base + ByteSize::pages(600), ByteSize::pages(10)});
  FrameAllocator frames;
  frames.init(boot, {base, ByteSize::mib(4)}, backing.map(), &fake_cpu);
  const uint64_t total = frames.counts().total;
  EXPECT_EQ(total, 510 - ByteSize(1024 * sizeof(FrameInfo)).pages_up());
  std::map<uint64_t, int> seen;
  while (auto frame = frames.allocate()) {
    EXPECT_EQ(++seen[frame->value()], 1);
    const uint64_t page = (*frame - base).pages_up();
    EXPECT_TRUE((page >= 3 && page < 503) || (page >= 600 && page < 610)) << page;
  }
  EXPECT_EQ(seen.size(), total);
  for (const auto& [frame, count] : seen) frames.free(PhysAddr(frame));
  frames.add({base + ByteSize::pages(503), ByteSize::pages(97)});
  frames.drain_caches();
  EXPECT_EQ(frames.counts().free, total + 97);
}

TEST(FrameAllocator, ZeroedMeansZeroed) {
  FakeMemory memory(ByteSize::mib(8));
  const auto is_zero = [](uint8_t b) { return b == 0; };
  const auto block = memory.frames.allocate(3, Zeroing::Zeroed);
  auto* bytes = memory.map().pointer<uint8_t>(*block);
  EXPECT_TRUE(std::all_of(bytes, bytes + 8 * kPageSize, is_zero));
  std::fill_n(bytes, 8 * kPageSize, uint8_t{1});
  zero_pages(bytes + kPageSize, 6);
  EXPECT_EQ(bytes[kPageSize - 1], 1);
  EXPECT_TRUE(std::all_of(bytes + kPageSize, bytes + 7 * kPageSize, is_zero));
  EXPECT_EQ(bytes[7 * kPageSize], 1);
  memory.frames.free(*block, 3);
}

// A frame that is known to hold zeros comes back for the asking, is counted as cached, and coalesces like all others.
TEST(FrameAllocator, KeepsZeroedFrames) {
  FakeMemory memory(ByteSize::mib(8));
  const uint64_t used = memory.used();
  std::vector<PhysAddr> tables;
  for (int i = 0; i < 40; ++i) tables.push_back(*memory.frames.allocate(0, Zeroing::Zeroed));
  for (const PhysAddr table : tables) memory.frames.free_zeroed(table);
  EXPECT_EQ(memory.used(), used);
  for (int i = 0; i < 40; ++i) {
    const auto frame = memory.frames.allocate(0, Zeroing::Zeroed);
    const auto* bytes = memory.map().pointer<const uint8_t>(*frame);
    EXPECT_TRUE(std::all_of(bytes, bytes + kPageSize, [](uint8_t b) { return b == 0; }));
    memory.frames.free(*frame);
  }
  memory.frames.drain_caches();
  EXPECT_EQ(memory.frames.counts().cached, 0u);
  EXPECT_EQ(memory.used(), used);
}

TEST(FrameAllocatorDeathTest, DoubleFreeIsABug) {
  FakeMemory memory(ByteSize::mib(8));
  const auto single = memory.frames.allocate();
  const auto block = memory.frames.allocate(2);
  memory.frames.free(*single);
  EXPECT_DEATH(memory.frames.free(*single), "Used");
  EXPECT_DEATH(memory.frames.free_zeroed(*single), "Used");
  EXPECT_DEATH(memory.frames.free(*block, 1), "order");
  EXPECT_DEATH(memory.frames.free(*block + ByteSize(kPageSize)), "Used");
  memory.frames.free(*block, 2);
  EXPECT_DEATH(memory.frames.free(*block, 2), "Used");
}

// Random allocations of all kinds against a map of who owns what; at the end everything coalesces.
TEST(FrameAllocator, NeverHandsOutTwiceAndCoalesces) {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    FakeMemory memory(ByteSize::mib(16));
    FrameAllocator& frames = memory.frames;
    const FrameCounts before = frames.counts();
    std::mt19937 rng(seed);
    struct Block {
      uint64_t pages;
      int order;  // -1: a run
    };
    std::map<uint64_t, Block> owned;
    uint64_t owned_pages = 0;
    for (int step = 0; step < 4000; ++step) {
      if (rng() % 5 < 3) {
        std::optional<PhysAddr> got;
        Block block{};
        if (rng() % 3 == 0) {
          block = {1 + rng() % 600, -1};
          got = frames.allocate_run(block.pages);
        } else {
          const unsigned order = rng() % 4 != 0 ? 0 : rng() % 9;
          block = {uint64_t{1} << order, static_cast<int>(order)};
          got = frames.allocate(order);
          if (got) ASSERT_TRUE(got->is_aligned(kPageSize << order));
        }
        if (!got) continue;
        const auto next = owned.lower_bound(got->value());
        const uint64_t end = got->value() + block.pages * kPageSize;
        ASSERT_TRUE(next == owned.end() || next->first >= end);
        if (next != owned.begin()) {
          const auto previous = std::prev(next);
          ASSERT_LE(previous->first + previous->second.pages * kPageSize, got->value());
        }
        owned[got->value()] = block;
        owned_pages += block.pages;
      } else if (!owned.empty()) {
        auto it = owned.lower_bound(FakeMemory::kBase + rng() % (16 << 20));
        if (it == owned.end()) it = owned.begin();
        if (it->second.order < 0) {
          frames.free_run(PhysAddr(it->first), it->second.pages);
        } else {
          frames.free(PhysAddr(it->first), static_cast<unsigned>(it->second.order));
        }
        owned_pages -= it->second.pages;
        owned.erase(it);
      }
      ASSERT_EQ(frames.counts().used(), owned_pages);
    }
    for (const auto& [address, block] : owned) {
      if (block.order < 0) {
        frames.free_run(PhysAddr(address), block.pages);
      } else {
        frames.free(PhysAddr(address), static_cast<unsigned>(block.order));
      }
    }
    frames.drain_caches();
    EXPECT_EQ(frames.counts().free, before.total);
    // The frame table takes the end of the 16 MiB, so 8 MiB in one piece exist exactly if everything coalesced.
    EXPECT_TRUE(frames.allocate(11).has_value());
  }
}

}  // namespace
}  // namespace nacre::mm
