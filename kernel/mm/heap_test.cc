#include "nacre/kernel/mm/heap.hh"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>

#include "fake_machine.hh"

namespace nacre::mm {
namespace {

struct HeapTest : testing::Test {
  HeapTest() {
    heap.init(memory.frames);
    heap.attach(cache);
  }

  FakeMemory memory{ByteSize::mib(16)};
  Heap heap;
  HeapCache cache;
};

TEST(HeapBeforeInit, HasNothing) {
  Heap heap;
  HeapCache cache;
  EXPECT_EQ(heap.allocate(cache, 8), nullptr);
  EXPECT_EQ(heap.allocate(cache, 1 << 20), nullptr);
  EXPECT_EQ(heap.allocate_aligned(cache, 64, 4096), nullptr);
  heap.free(cache, nullptr);
}

TEST_F(HeapTest, EverySizeFitsAndIsAligned) {
  for (size_t size = 0; size <= 40000; size += size < 2048 ? 1 : 97) {
    void* p = heap.allocate(cache, size);
    ASSERT_NE(p, nullptr);
    ASSERT_GE(heap.usable_size(p), size);
    if (size > 128 && size <= heap_detail::kLargest) {
      ASSERT_LE(heap.usable_size(p), size + size / 4);
    }
    ASSERT_EQ(reinterpret_cast<uintptr_t>(p) % 16, 0u);
    std::memset(p, 0x11, size);
    heap.free(cache, p);
  }
  for (size_t alignment = 16; alignment <= (2 << 20); alignment *= 2) {
    for (size_t size : {1, 40, 100, 1000, 5000, 20000}) {
      void* p = heap.allocate_aligned(cache, size, alignment);
      ASSERT_NE(p, nullptr) << size << " " << alignment;
      ASSERT_EQ(reinterpret_cast<uintptr_t>(p) % alignment, 0u);
      ASSERT_GE(heap.usable_size(p), size);
      heap.free(cache, p);
    }
  }
}

TEST_F(HeapTest, ImpossibleSizesFail) {
  for (size_t size : {size_t{1} << 30, size_t{1} << 47, ~size_t{0}, ~size_t{0} - 4096}) {
    EXPECT_EQ(heap.allocate(cache, size), nullptr);
    EXPECT_EQ(heap.allocate_aligned(cache, size, 4096), nullptr);
  }
}

TEST_F(HeapTest, EmptySlabsGoBack) {
  std::vector<void*> objects;
  for (int i = 0; i < 5000; ++i) objects.push_back(heap.allocate(cache, 200));
  const uint64_t high = memory.used();
  EXPECT_GE(high, 5000 * 224 / kPageSize);
  for (void* p : objects) heap.free(cache, p);
  heap.drain(cache);
  EXPECT_EQ(heap.statistics().objects, 0u);
  EXPECT_EQ(heap.statistics().slabs, 1u);
  EXPECT_EQ(memory.used(), 1u);
}

TEST_F(HeapTest, ClassesAddUpToTheWhole) {
  std::vector<void*> objects;
  for (int i = 0; i < 1000; ++i) objects.push_back(heap.allocate(cache, 16 + 40 * (i % 50)));
  HeapStatistics sum;
  size_t last_size = 0;
  for (unsigned i = 0; i < heap_detail::kClasses; ++i) {
    const HeapClassStatistics row = heap.class_statistics(i);
    EXPECT_GT(row.size, last_size);
    EXPECT_LE(row.empty, row.slabs);
    EXPECT_LE(row.objects * row.size, row.slab_bytes);
    last_size = row.size;
    sum.slabs += row.slabs;
    sum.slab_bytes += row.slab_bytes;
    sum.objects += row.objects;
  }
  EXPECT_GE(sum.objects, 1000u);
  EXPECT_EQ(sum.slabs, heap.statistics().slabs);
  EXPECT_EQ(sum.slab_bytes, heap.statistics().slab_bytes);
  EXPECT_EQ(sum.objects, heap.statistics().objects);
  for (void* p : objects) heap.free(cache, p);
}

// Objects keep their bytes and never overlap, whatever is freed in between.
TEST_F(HeapTest, AgreesWithTheModel) {
  struct Object {
    size_t size;
    uint8_t fill;
  };
  for (uint32_t seed = 0; seed < 8; ++seed) {
    std::mt19937 rng(seed);
    std::map<uint8_t*, Object> live;
    const auto check_and_free = [&](std::map<uint8_t*, Object>::iterator it) {
      const auto [size, fill] = it->second;
      ASSERT_TRUE(std::all_of(it->first, it->first + size, [&](uint8_t b) { return b == fill; }));
      heap.free(cache, it->first);
      live.erase(it);
    };
    for (int step = 0; step < 20000; ++step) {
      if (rng() % 100 < 55) {
        const size_t limit = size_t{1} << (4 + rng() % 13);
        const Object object{1 + rng() % limit, static_cast<uint8_t>(rng())};
        auto* p = static_cast<uint8_t*>(
            rng() % 8 == 0 ? heap.allocate_aligned(cache, object.size, size_t{16} << rng() % 9)
                           : heap.allocate(cache, object.size));
        if (p == nullptr) continue;
        std::memset(p, object.fill, object.size);
        const auto next = live.lower_bound(p);
        ASSERT_TRUE(next == live.end() || next->first >= p + object.size);
        if (next != live.begin())
          ASSERT_LE(std::prev(next)->first + std::prev(next)->second.size, p);
        live[p] = object;
      } else if (!live.empty()) {
        auto it = live.begin();
        std::advance(it, rng() % std::min<size_t>(live.size(), 50));
        ASSERT_NO_FATAL_FAILURE(check_and_free(it));
      }
    }
    while (!live.empty()) ASSERT_NO_FATAL_FAILURE(check_and_free(live.begin()));
    heap.drain(cache);
    const HeapStatistics statistics = heap.statistics();
    EXPECT_EQ(statistics.objects, 0u);
    EXPECT_EQ(statistics.large_bytes, 0u);
    EXPECT_EQ(memory.used(), statistics.slab_bytes / kPageSize);
  }
}

TEST_F(HeapTest, FailsCleanlyAtEveryFrame) {
  for (uint64_t frames = 0; frames < 40; ++frames) {
    memory.leave(frames);
    std::vector<void*> objects;
    while (void* p = heap.allocate(cache, 100)) objects.push_back(p);
    EXPECT_GE(objects.size(), frames * 30);
    EXPECT_EQ(heap.allocate(cache, 9000), nullptr);
    for (void* p : objects) heap.free(cache, p);
    heap.drain(cache);
    memory.give_all_back();
  }
  EXPECT_EQ(memory.used(), heap.statistics().slab_bytes / kPageSize);
}

TEST_F(HeapTest, DoubleFreeOfALargeBlockIsABug) {
  void* p = heap.allocate(cache, 100000);
  heap.free(cache, p);
  EXPECT_DEATH(heap.free(cache, p), "Large");
}

}  // namespace
}  // namespace nacre::mm
