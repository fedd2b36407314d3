// A hash table with linear probing over 64-bit keys: insert, look up, delete with tombstones.
#include "kernel.h"

#define SLOTS 16384
struct slot {
  uint64_t key;
  uint32_t value;
  uint8_t state;  // 0 free, 1 taken, 2 deleted
};
static struct slot table[SLOTS];

static uint64_t hash_of(uint64_t key) {
  key ^= key >> 33;
  key *= 0xff51afd7ed558ccdull;
  key ^= key >> 33;
  key *= 0xc4ceb9fe1a85ec53ull;
  return key ^ key >> 33;
}

static struct slot* find(uint64_t key) {
  for (uint64_t i = hash_of(key);; ++i) {
    struct slot* slot = &table[i % SLOTS];
    if (slot->state == 0) return 0;
    if (slot->state == 1 && slot->key == key) return slot;
  }
}

static void insert(uint64_t key, uint32_t value) {
  struct slot* existing = find(key);
  if (existing) {
    existing->value += value;
    return;
  }
  uint64_t i = hash_of(key);
  while (table[i % SLOTS].state == 1) ++i;
  table[i % SLOTS] = (struct slot){key, value, 1};
}

uint64_t kernel(uint32_t n) {
  uint64_t random = 42, sum = 0;
  for (uint32_t i = 0; i < SLOTS; ++i) table[i].state = 0;
  for (uint32_t i = 0; i < n; ++i) {
    const uint64_t key = next_random(&random) % (SLOTS / 2);
    insert(key, i);
    struct slot* other = find(key ^ 1);
    if (other) sum = fold(sum, other->value);
    if (i % 5 == 4) {
      struct slot* doomed = find(key ^ 2);
      if (doomed) doomed->state = 2;
    }
  }
  return sum;
}
