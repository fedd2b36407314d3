#include "nacre/base/core/pairing_heap.hh"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <set>

namespace nacre {
namespace {

struct Item : PairingHeapNode {
  explicit Item(uint64_t k) : key(k) {}
  uint64_t key;
};
struct Earlier {
  bool operator()(const Item& a, const Item& b) const { return a.key < b.key; }
};
using Heap = PairingHeap<Item, Earlier>;

TEST(PairingHeap, AgreesWithAMultisetUnderRandomOperations) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 50; ++round) {
    std::deque<Item> items;
    std::multiset<uint64_t> expected;
    std::vector<Item*> inside;
    Heap heap;
    for (int step = 0; step < 400; ++step) {
      const uint64_t choice = random() % 10;
      if (choice < 5 || inside.empty()) {
        Item& item = items.emplace_back(random() % 50);
        heap.insert(item);
        inside.push_back(&item);
        expected.insert(item.key);
      } else {
        const size_t which = random() % inside.size();
        Item* item = choice < 8 ? heap.first() : inside[which];
        heap.remove(*item);
        std::erase(inside, item);
        expected.erase(expected.find(item->key));
        EXPECT_FALSE(item->is_in_heap());
      }
      ASSERT_EQ(heap.is_empty(), expected.empty());
      if (!expected.empty()) ASSERT_EQ(heap.first()->key, *expected.begin());
    }
    while (!heap.is_empty()) heap.remove(*heap.first());
  }
}

TEST(PairingHeap, ManySiblingsNeedNoStack) {
  std::deque<Item> items;
  Heap heap;
  for (uint64_t i = 0; i < 200'000; ++i) heap.insert(items.emplace_back(i));
  for (uint64_t i = 0; i < 200'000; ++i) {
    ASSERT_EQ(heap.first()->key, i);
    heap.remove(*heap.first());
  }
  EXPECT_TRUE(heap.is_empty());
}

}  // namespace
}  // namespace nacre
