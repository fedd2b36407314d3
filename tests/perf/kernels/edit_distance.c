// Levenshtein distance by dynamic programming over two rows.
#include "kernel.h"

#define MAX_LENGTH 1024
static uint8_t first[MAX_LENGTH], second[MAX_LENGTH];
static uint32_t rows[2][MAX_LENGTH + 1];

static uint32_t smaller(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

uint64_t kernel(uint32_t n) {
  if (n > MAX_LENGTH) n = MAX_LENGTH;
  uint64_t random = 37;
  for (uint32_t i = 0; i < n; ++i) {
    first[i] = (uint8_t)(next_random(&random) >> 62);
    second[i] = (uint8_t)(next_random(&random) >> 62);
  }
  uint32_t *previous = rows[0], *current = rows[1];
  for (uint32_t j = 0; j <= n; ++j) previous[j] = j;
  for (uint32_t i = 1; i <= n; ++i) {
    current[0] = i;
    for (uint32_t j = 1; j <= n; ++j) {
      const uint32_t change = previous[j - 1] + (first[i - 1] != second[j - 1]);
      current[j] = smaller(change, smaller(previous[j], current[j - 1]) + 1);
    }
    uint32_t* t = previous;
    previous = current;
    current = t;
  }
  uint64_t sum = 0;
  for (uint32_t j = 0; j <= n; ++j) sum = fold(sum, previous[j]);
  return sum;
}
