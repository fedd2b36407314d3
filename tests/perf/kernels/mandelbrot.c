// Escape times of the Mandelbrot set in single and double precision.
#include "kernel.h"

static uint32_t escape(double cx, double cy, uint32_t limit) {
  double x = 0, y = 0;
  uint32_t i = 0;
  while (i < limit && x * x + y * y <= 4.0) {
    const double t = x * x - y * y + cx;
    y = 2 * x * y + cy;
    x = t;
    ++i;
  }
  return i;
}

static uint32_t escape_single(float cx, float cy, uint32_t limit) {
  float x = 0, y = 0;
  uint32_t i = 0;
  for (; i < limit; ++i) {
    const float xx = x * x, yy = y * y;
    if (xx + yy > 4.0f) break;
    y = 2 * x * y + cy;
    x = xx - yy + cx;
  }
  return i;
}

uint64_t kernel(uint32_t n) {
  uint64_t sum = 0;
  for (uint32_t row = 0; row < n; ++row) {
    for (uint32_t column = 0; column < n; ++column) {
      const double cx = -2.0 + 3.0 * column / n, cy = -1.5 + 3.0 * row / n;
      sum = fold(sum, escape(cx, cy, 100));
      sum = fold(sum, escape_single((float)cx, (float)cy, 50));
    }
  }
  return sum;
}
