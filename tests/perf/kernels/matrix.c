// Product of square matrices of doubles, and of integers.
#include "kernel.h"

#define MAX_SIDE 96
static double left[MAX_SIDE][MAX_SIDE], right[MAX_SIDE][MAX_SIDE], product[MAX_SIDE][MAX_SIDE];
static int32_t ileft[MAX_SIDE][MAX_SIDE], iright[MAX_SIDE][MAX_SIDE], iproduct[MAX_SIDE][MAX_SIDE];

uint64_t kernel(uint32_t n) {
  if (n > MAX_SIDE) n = MAX_SIDE;
  uint64_t random = 3;
  for (uint32_t i = 0; i < n; ++i) {
    for (uint32_t j = 0; j < n; ++j) {
      ileft[i][j] = (int32_t)(next_random(&random) >> 40);
      iright[i][j] = (int32_t)(next_random(&random) >> 40);
      left[i][j] = ileft[i][j] / 1024.0;
      right[i][j] = iright[i][j] / 1024.0;
    }
  }
  for (uint32_t i = 0; i < n; ++i) {
    for (uint32_t j = 0; j < n; ++j) {
      double sum = 0;
      int32_t isum = 0;
      for (uint32_t k = 0; k < n; ++k) {
        sum += left[i][k] * right[k][j];
        isum += (int32_t)((uint32_t)ileft[i][k] * (uint32_t)iright[k][j] >> 8);
      }
      product[i][j] = sum;
      iproduct[i][j] = isum;
    }
  }
  uint64_t sum = 0;
  for (uint32_t i = 0; i < n; ++i) {
    for (uint32_t j = 0; j < n; ++j)
      sum = fold(sum, (uint64_t)(int64_t)product[i][j] + (uint32_t)iproduct[i][j]);
  }
  return sum;
}
