// Everything that CPUs share, used by several at once. On the host a CPU is a thread; the sanitizers look on.
#include <gmock/gmock.h>

#include <cstring>
#include <thread>

#include "fake_machine.hh"
#include "nacre/kernel/mm/heap.hh"

namespace nacre::mm {
namespace {

constexpr uint32_t kCpus = 4;
constexpr int kRounds = 4000;

// Runs work(cpu) on all CPUs at once.
template <class F>
void on_all_cpus(F work) {
  std::vector<std::thread> threads;
  for (uint32_t cpu = 0; cpu < kCpus; ++cpu) {
    threads.emplace_back([cpu, &work] {
      t_cpu = cpu;
      work(cpu);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Lock, LetsOneInAtATime) {
  Lock lock(LockRank::Frames);
  uint64_t count = 0;
  on_all_cpus([&](uint32_t) {
    for (int i = 0; i < kRounds; ++i) {
      const LockGuard guard(lock);
      ++count;
    }
  });
  EXPECT_EQ(count, uint64_t{kCpus} * kRounds);
}

void take_twice() {
  Lock lock(LockRank::Frames);
  const LockGuard guard(lock);
  // Behind the back of the compile-time analysis, which would not let it pass.
  [&]() __attribute__((no_thread_safety_analysis)) { lock.lock(); }();
}

TEST(LockDeathTest, NamesADeadlock) {
  EXPECT_DEATH(take_twice(), "deadlock: this CPU takes a memory lock that it holds already");
}

TEST(Lock, KnowsItsHolder) {
  Lock lock(LockRank::Frames);
  EXPECT_FALSE(lock.is_mine());
  const LockGuard guard(lock);
  EXPECT_TRUE(lock.is_mine());
  bool others = true;
  std::thread([&] { others = lock.is_mine(); }).join();
  EXPECT_FALSE(others);
}

TEST(FrameAllocatorOnAllCpus, NoFrameIsLostOrGivenTwice) {
  FakeMemory memory(ByteSize::mib(16));
  const uint64_t before = memory.used();
  on_all_cpus([&](uint32_t cpu) {
    std::mt19937_64 rng(cpu + 1);
    struct Block {
      PhysAddr frame;
      unsigned order;
    };
    std::vector<Block> mine;
    for (int i = 0; i < kRounds; ++i) {
      if (rng() % 2 == 0 || mine.empty()) {
        const unsigned order = rng() % 4 == 0 ? static_cast<unsigned>(rng() % 6) : 0;
        const auto frame = memory.frames.allocate(order);
        if (!frame) continue;
        // Two owners of a frame would overwrite each other's mark.
        std::memset(memory.map().pointer<void>(*frame), static_cast<int>(cpu + 1),
                    kPageSize << order);
        mine.push_back({*frame, order});
        continue;
      }
      const size_t at = rng() % mine.size();
      const auto* bytes = memory.map().pointer<const uint8_t>(mine[at].frame);
      ASSERT_EQ(bytes[0], cpu + 1);
      ASSERT_EQ(bytes[(kPageSize << mine[at].order) - 1], cpu + 1);
      memory.frames.free(mine[at].frame, mine[at].order);
      mine[at] = mine.back();
      mine.pop_back();
    }
    for (const Block& block : mine) memory.frames.free(block.frame, block.order);
  });
  EXPECT_EQ(memory.used(), before);
  // What is in the CPUs' caches coalesces again.
  memory.frames.drain_caches();
  EXPECT_EQ(memory.frames.counts().cached, 0u);
  EXPECT_TRUE(memory.frames.allocate(11).has_value());
}

TEST(FrameAllocatorOnAllCpus, OneCpuGetsWhatOthersCache) {
  FakeMemory memory(ByteSize::mib(2));
  std::vector<PhysAddr> all;
  while (auto frame = memory.frames.allocate()) all.push_back(*frame);
  ASSERT_GT(all.size(), size_t{kCpus} * 16);
  for (size_t i = 0; i < size_t{kCpus} * 16; ++i) {
    t_cpu = static_cast<uint32_t>(i % kCpus);
    memory.frames.free(all[i]);
  }
  t_cpu = kCpus;
  for (size_t i = 0; i < size_t{kCpus} * 16; ++i) {
    EXPECT_TRUE(memory.frames.allocate().has_value()) << i;
  }
  EXPECT_FALSE(memory.frames.allocate().has_value());
  t_cpu = 0;
}

// Objects are freed on the CPU behind the one that made them.
TEST(HeapOnAllCpus, ObjectsAreFreedElsewhere) {
  FakeMemory memory(ByteSize::mib(64));
  const uint64_t before = memory.used();
  Heap heap;
  heap.init(memory.frames);
  std::array<HeapCache, kCpus> caches{};
  for (HeapCache& cache : caches) heap.attach(cache);
  struct Mailbox {
    std::mutex mutex;
    std::vector<std::pair<uint8_t*, size_t>> objects;
  };
  std::array<Mailbox, kCpus> mail;
  on_all_cpus([&](uint32_t cpu) {
    std::mt19937_64 rng(cpu);
    for (int i = 0; i < kRounds; ++i) {
      const size_t size = 1 + rng() % (i % 64 == 0 ? 60000 : 700);
      auto* object = static_cast<uint8_t*>(heap.allocate(caches[cpu], size));
      ASSERT_NE(object, nullptr);
      std::memset(object, static_cast<int>(size & 0xff), size);
      {
        Mailbox& next = mail[(cpu + 1) % kCpus];
        const std::lock_guard guard(next.mutex);
        next.objects.emplace_back(object, size);
      }
      std::vector<std::pair<uint8_t*, size_t>> arrived;
      {
        const std::lock_guard guard(mail[cpu].mutex);
        if (mail[cpu].objects.size() > 50) arrived.swap(mail[cpu].objects);
      }
      for (const auto& [bytes, length] : arrived) {
        ASSERT_EQ(bytes[0], length & 0xff);
        ASSERT_EQ(bytes[length - 1], length & 0xff);
        heap.free(caches[cpu], bytes);
      }
    }
  });
  for (Mailbox& box : mail) {
    for (const auto& [bytes, length] : box.objects) heap.free(caches[0], bytes);
  }
  for (HeapCache& cache : caches) heap.drain(cache);
  const HeapStatistics statistics = heap.statistics();
  EXPECT_EQ(statistics.objects, 0u);
  EXPECT_EQ(statistics.large_bytes, 0u);
  // Nothing is kept but an empty slab of each class.
  EXPECT_LE(statistics.slabs, heap_detail::kClasses);
  EXPECT_EQ(memory.used() - before, ByteSize(statistics.slab_bytes).pages_up());
}

TEST(AsidAllocatorOnAllCpus, NoIdentifierIsGivenTwice) {
  AsidAllocator asids(5);
  std::array<std::atomic<int>, 32> owners{};
  on_all_cpus([&](uint32_t) {
    for (int i = 0; i < kRounds; ++i) {
      const uint16_t asid = asids.allocate();
      if (asid == AsidAllocator::kShared) continue;
      ASSERT_EQ(owners[asid].fetch_add(1), 0);
      owners[asid].fetch_sub(1);
      asids.free(asid);
    }
  });
}

TEST(AddressSpaceOnAllCpus, IsUsedAndChangedAtOnce) {
  FakeMachine machine(ByteSize::mib(64));
  const uint64_t before = machine.memory.used();
  {
    const auto space =
        std::move(*AddressSpace::create(machine.machine, make_ref<Budget>(ByteSize::mib(32))));
    const UserAddr memory = *space->reserve(ByteSize::gib(8));
    ASSERT_TRUE(space->commit(memory, ByteSize::mib(4)));
    on_all_cpus([&](uint32_t cpu) {
      std::mt19937_64 rng(cpu);
      space->root()->note_use(CpuId{cpu});
      for (int i = 0; i < kRounds / 4; ++i) {
        const UserAddr own = memory + ByteSize(cpu * 8 + rng() % 1000 * kPageSize);
        const uint64_t value = rng();
        std::array<uint8_t, 8> bytes;
        std::memcpy(bytes.data(), &value, 8);
        ASSERT_TRUE(space->write(own, bytes));
        ASSERT_EQ(space->fault(own, FaultAccess::Write), FaultOutcome::Resolved);
        std::array<uint8_t, 8> back{};
        ASSERT_TRUE(space->read(own, back));
        ASSERT_EQ(back, bytes);
        const auto other = space->publish(bytes, Access::Read);
        ASSERT_TRUE(other.has_value());
        ASSERT_TRUE(space->region_at(*other).has_value());
        space->release(*other);
      }
    });
    EXPECT_EQ(space->region_count(), 1u);
    EXPECT_EQ(space->root()->users(), (CpuMask{1} << kCpus) - 1);
  }
  EXPECT_EQ(machine.memory.used(), before);
}

TEST(SpaceRoot, FlushesGoToTheCpusThatUsedIt) {
  FakeMachine machine(ByteSize::mib(8));
  const auto space =
      std::move(*AddressSpace::create(machine.machine, make_ref<Budget>(ByteSize::mib(1))));
  const std::array<uint8_t, 4> bytes{1, 2, 3, 4};
  space->release(*space->publish(bytes, Access::Read));
  EXPECT_EQ(machine.tlb.last, 0u);
  space->root()->note_use(CpuId{3});
  space->root()->note_use(CpuId{63});
  space->release(*space->publish(bytes, Access::Read));
  EXPECT_EQ(machine.tlb.last, CpuMask{1} << 63 | CpuMask{1} << 3);
}

// A CPU that still has the root in its satp keeps it, but not what was mapped.
TEST(SpaceRoot, OutlivesItsSpaceWhileACpuUsesIt) {
  FakeMachine machine(ByteSize::mib(8));
  const uint64_t before = machine.memory.used();
  Ref<SpaceRoot> root;
  {
    const auto space =
        std::move(*AddressSpace::create(machine.machine, make_ref<Budget>(ByteSize::mib(1))));
    root = space->root();
    const std::array<uint8_t, 4> bytes{1, 2, 3, 4};
    ASSERT_TRUE(space->publish(bytes, Access::Read));
  }
  EXPECT_EQ(machine.memory.used(), before + 1);
  const auto* entries = machine.memory.map().pointer<const uint64_t>(root->table());
  for (size_t i = 0; i < 256; ++i) EXPECT_EQ(entries[i], 0u);
  root = nullptr;
  EXPECT_EQ(machine.memory.used(), before);
}

}  // namespace
}  // namespace nacre::mm
