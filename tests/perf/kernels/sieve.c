// Primes by the sieve of Eratosthenes, over bytes and over bits.
#include "kernel.h"

#define MAX_NUMBER 262144
static uint8_t composite[MAX_NUMBER];
static uint64_t composite_bits[MAX_NUMBER / 64];

uint64_t kernel(uint32_t n) {
  if (n > MAX_NUMBER) n = MAX_NUMBER;
  for (uint32_t i = 0; i < n; ++i) composite[i] = 0;
  for (uint32_t i = 0; i < n / 64; ++i) composite_bits[i] = 0;
  uint64_t sum = 0;
  for (uint32_t i = 2; i < n; ++i) {
    if (composite[i]) continue;
    sum = fold(sum, i);
    for (uint32_t j = 2 * i; j < n; j += i) composite[j] = 1;
  }
  for (uint32_t i = 2; i < n; ++i) {
    if (composite_bits[i / 64] >> (i % 64) & 1) continue;
    for (uint32_t j = 2 * i; j < n; j += i) composite_bits[j / 64] |= (uint64_t)1 << (j % 64);
  }
  for (uint32_t i = 0; i < n / 64; ++i)
    sum = fold(sum, (uint64_t)__builtin_popcountll(composite_bits[i]));
  return sum;
}
