// Calls through function pointers: shapes with tables of methods, and a chain of filters chosen at run time.
#include "kernel.h"

struct shape;
struct methods {
  int64_t (*area)(const struct shape*);
  void (*grow)(struct shape*, int32_t by);
  int32_t (*kind)(const struct shape*);
};
struct shape {
  const struct methods* methods;
  int32_t a, b;
};

static int64_t square_area(const struct shape* s) {
  return (int64_t)s->a * s->a;
}
static int64_t rectangle_area(const struct shape* s) {
  return (int64_t)s->a * s->b;
}
static int64_t triangle_area(const struct shape* s) {
  return (int64_t)s->a * s->b / 2;
}
static void grow_one(struct shape* s, int32_t by) {
  s->a = (s->a + by) & 1023;
}
static void grow_both(struct shape* s, int32_t by) {
  s->a = (s->a + by) & 1023;
  s->b = (s->b ^ by) & 1023;
}
static int32_t kind_square(const struct shape* s) {
  return s->a & 1;
}
static int32_t kind_other(const struct shape* s) {
  return (s->a ^ s->b) & 1;
}

static const struct methods kinds[3] = {{square_area, grow_one, kind_square},
                                        {rectangle_area, grow_both, kind_other},
                                        {triangle_area, grow_both, kind_other}};

static uint32_t filter_add(uint32_t x, uint32_t i) {
  return x + i;
}
static uint32_t filter_xor(uint32_t x, uint32_t i) {
  return x ^ i << 3;
}
static uint32_t filter_rotate(uint32_t x, uint32_t i) {
  return (x << 5 | x >> 27) + (i & 1);
}
static uint32_t filter_multiply(uint32_t x, uint32_t i) {
  return x * (i | 1);
}

typedef uint32_t (*filter)(uint32_t, uint32_t);
static filter chain[16];
static struct shape shapes[64];

uint64_t kernel(uint32_t n) {
  static const filter all[4] = {filter_add, filter_xor, filter_rotate, filter_multiply};
  uint64_t random = 5;
  for (int i = 0; i < 16; ++i) chain[i] = all[next_random(&random) >> 40 & 3];
  for (int i = 0; i < 64; ++i) {
    shapes[i].methods = &kinds[(next_random(&random) >> 33) % 3];
    shapes[i].a = (int32_t)(i * 7 & 1023);
    shapes[i].b = (int32_t)(i * 13 & 1023);
  }
  uint64_t sum = 0;
  uint32_t x = 1;
  for (uint32_t i = 0; i < n; ++i) {
    struct shape* s = &shapes[i & 63];
    s->methods->grow(s, (int32_t)i);
    if (s->methods->kind(s)) sum += (uint64_t)s->methods->area(s);
    for (int j = 0; j < 16; j += 3) x = chain[j](x, i);
    sum = fold(sum, x);
  }
  return sum;
}
