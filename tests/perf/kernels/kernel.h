// What a benchmark kernel is: one function whose work grows with n and whose result depends on all of that work, so that a
// native and a WebAssembly build can be compared and none of it can be left out. Kernels use no library but memcpy and its
// like, which compilers may call anyway.
#ifndef NACRE_TESTS_PERF_KERNEL_H
#define NACRE_TESTS_PERF_KERNEL_H

#include <stddef.h>
#include <stdint.h>

uint64_t kernel(uint32_t n);

// xorshift64*; good enough for input data, the same everywhere.
static inline uint64_t next_random(uint64_t* state) {
  uint64_t x = *state;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  *state = x;
  return x * 0x2545f4914f6cdd1dull;
}

// Folds a value into a checksum.
static inline uint64_t fold(uint64_t sum, uint64_t value) {
  return (sum ^ value) * 0x100000001b3ull;
}

#endif
