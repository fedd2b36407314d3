// What a job takes of the heap is what its budget pays, whatever others do on the same CPU meanwhile.
#include "nacre/kernel/mm/heap_account.hh"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "fake_machine.hh"

namespace nacre::mm {
namespace {

struct HeapAccountTest : testing::Test {
  HeapAccountTest() {
    heap.init(memory.frames);
    heap.attach(cpu);
  }

  // As a slice of the job's.
  template <class Job>
  void run(HeapAccount& account, Job&& job) {
    account.swap_with(cpu);
    job();
    account.swap_with(cpu);
  }

  FakeMemory memory{ByteSize::mib(16)};
  Heap heap;
  HeapCache cpu;
};

TEST_F(HeapAccountTest, FullSlabsArePaidForToTheLastByte) {
  const auto budget = make_ref<Budget>(ByteSize::mib(16));
  HeapAccount account(heap, budget);
  std::vector<void*> objects;
  run(account, [&] {
    for (int i = 0; i < 20'000; ++i) objects.push_back(heap.allocate(cpu, 100));
    objects.push_back(heap.allocate(cpu, 100'000));
  });
  account.settle();
  EXPECT_GE(budget->used().bytes() + kPageSize, memory.used() * kPageSize);
  EXPECT_LE(budget->used().bytes(), memory.used() * kPageSize + 20'000);
  EXPECT_EQ(account.used(), budget->used());
  run(account, [&] {
    for (void* object : objects) heap.free(cpu, object);
  });
  account.settle();
  EXPECT_EQ(budget->used(), ByteSize(0));
  heap.drain(cpu);
}

TEST_F(HeapAccountTest, WhatOthersTakeMeanwhileIsTheirs) {
  const auto budget = make_ref<Budget>(ByteSize::mib(16));
  HeapAccount account(heap, budget);
  std::mt19937 rng(1);
  std::vector<std::pair<void*, size_t>> own;
  std::vector<void*> others;
  uint64_t live = 0;
  for (int slice = 0; slice < 300; ++slice) {
    run(account, [&] {
      for (int i = 0; i < 50; ++i) {
        if (rng() % 5 < 3) {
          const size_t size = 1 + rng() % (size_t{1} << (4 + rng() % 12));
          void* object = heap.allocate(cpu, size);
          ASSERT_NE(object, nullptr);
          own.emplace_back(object, heap.usable_size(object));
          live += own.back().second;
        } else if (!own.empty()) {
          std::swap(own[rng() % own.size()], own.back());
          live -= own.back().second;
          heap.free(cpu, own.back().first);
          own.pop_back();
        }
      }
    });
    for (int i = 0; i < 50; ++i) {
      if (rng() % 2 == 0) {
        if (void* object = heap.allocate(cpu, 1 + rng() % 2000)) others.push_back(object);
      } else if (!others.empty()) {
        heap.free(cpu, others.back());
        others.pop_back();
      }
    }
    account.settle();
    // An object's share of its slab is at most a fifth more than the object.
    ASSERT_GE(budget->used().bytes(), live);
    ASSERT_LE(budget->used().bytes(), live + live / 5);
  }
  // Freed by somebody else they stay charged until the account ends.
  const ByteSize used = budget->used();
  for (const auto& [object, size] : own) heap.free(cpu, object);
  EXPECT_EQ(budget->used(), used);
  for (void* object : others) heap.free(cpu, object);
  heap.drain(cpu);
  EXPECT_EQ(heap.statistics().objects, 0u);
}

TEST_F(HeapAccountTest, TheBudgetIsUsedToItsEndAndRefusesMore) {
  for (const size_t size : {16, 100, 1000, 16384, 50'000}) {
    const auto budget = make_ref<Budget>(ByteSize::mib(1));
    {
      HeapAccount account(heap, budget);
      std::vector<void*> objects;
      run(account, [&] {
        // Leaves objects in the account's lists that are not needed now.
        heap.free(cpu, heap.allocate(cpu, 500));
        while (void* object = heap.allocate(cpu, size)) objects.push_back(object);
      });
      EXPECT_GT(account.refused().bytes(), size);
      EXPECT_LE(account.refused().bytes(), std::max(size * 3 / 2, size + kPageSize));
      // What is only kept for later has been given back for it.
      EXPECT_GT(budget->used() + account.refused(), budget->limit());
      EXPECT_LE(budget->used(), budget->limit());
      // Others are served.
      void* other = heap.allocate(cpu, size);
      EXPECT_NE(other, nullptr);
      heap.free(cpu, other);
      run(account, [&] {
        for (void* object : objects) heap.free(cpu, object);
      });
    }
    EXPECT_EQ(budget->used(), ByteSize(0));
  }
  heap.drain(cpu);
  EXPECT_EQ(heap.statistics().objects, 0u);
  EXPECT_EQ(heap.statistics().large_bytes, 0u);
}

TEST_F(HeapAccountTest, FreeingWhatOthersPaidForEarnsNothing) {
  const auto budget = make_ref<Budget>(ByteSize::mib(1));
  HeapAccount account(heap, budget);
  std::vector<void*> objects;
  for (int i = 0; i < 1000; ++i) objects.push_back(heap.allocate(cpu, 200));
  objects.push_back(heap.allocate(cpu, 200'000));
  run(account, [&] {
    for (void* object : objects) heap.free(cpu, object);
  });
  account.settle();
  EXPECT_EQ(budget->used(), ByteSize(0));
  run(account, [&] {
    void* object = heap.allocate(cpu, 200'000);
    EXPECT_GE(budget->used(), ByteSize(200'000));
    heap.free(cpu, object);
  });
  heap.drain(cpu);
}

TEST_F(HeapAccountTest, WhatTheMachineCannotGiveIsNotCharged) {
  const auto budget = make_ref<Budget>(ByteSize::gib(1));
  HeapAccount account(heap, budget);
  memory.leave(3);
  std::vector<void*> objects;
  run(account, [&] {
    while (void* object = heap.allocate(cpu, 100)) objects.push_back(object);
    EXPECT_EQ(heap.allocate(cpu, 100'000), nullptr);
  });
  EXPECT_EQ(account.refused(), ByteSize(0));
  EXPECT_LE(budget->used().bytes(), 3 * kPageSize + objects.size());
  run(account, [&] {
    for (void* object : objects) heap.free(cpu, object);
  });
  account.settle();
  EXPECT_EQ(budget->used(), ByteSize(0));
  memory.give_all_back();
}

}  // namespace
}  // namespace nacre::mm
