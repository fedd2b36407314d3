// Calls and returns: Fibonacci, Takeuchi and Ackermann.
#include "kernel.h"

static uint32_t fibonacci(uint32_t n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static int32_t takeuchi(int32_t x, int32_t y, int32_t z) {
  if (y >= x) return z;
  return takeuchi(takeuchi(x - 1, y, z), takeuchi(y - 1, z, x), takeuchi(z - 1, x, y));
}

static uint32_t ackermann(uint32_t m, uint32_t n) {
  if (m == 0) return n + 1;
  if (n == 0) return ackermann(m - 1, 1);
  return ackermann(m - 1, ackermann(m, n - 1));
}

uint64_t kernel(uint32_t n) {
  uint64_t sum = fold(0, fibonacci(n));
  sum = fold(sum, (uint64_t)takeuchi((int32_t)n / 2 + 2, (int32_t)n / 4 + 1, 1));
  return fold(sum, ackermann(2, 4 * n));
}
