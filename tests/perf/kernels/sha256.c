// SHA-256 (FIPS 180-4) over generated data. The constants are computed as the standard defines them: the fractional parts
// of square and cube roots of the first primes.
#include "kernel.h"

static uint32_t round_constants[64];
static uint32_t initial[8];

// The first 32 bits behind the binary point of the k-th root of p, by bisection over integers.
static uint32_t root_fraction(uint32_t p, int cube) {
  uint64_t low = 0, high = (uint64_t)1 << 36;  // root * 2^32
  while (high - low > 1) {
    const uint64_t middle = (low + high) / 2;
    unsigned __int128 power = (unsigned __int128)middle * middle;
    unsigned __int128 target = (unsigned __int128)p << 64;
    if (cube) {
      // middle^3 ≤ p·2^96, divided by middle
      target = ((unsigned __int128)p << 96) / (middle ? middle : 1);
    }
    if (power <= target) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return (uint32_t)low;
}

static void make_constants(void) {
  uint32_t found = 0;
  for (uint32_t p = 2; found < 64; ++p) {
    int prime = 1;
    for (uint32_t d = 2; d * d <= p; ++d) prime &= p % d != 0;
    if (!prime) continue;
    if (found < 8) initial[found] = root_fraction(p, 0);
    round_constants[found++] = root_fraction(p, 1);
  }
}

static uint32_t rotate(uint32_t x, int by) {
  return x >> by | x << (32 - by);
}

static void compress(uint32_t state[8], const uint8_t* block) {
  uint32_t w[64];
  for (int i = 0; i < 16; ++i) {
    w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
           (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
  }
  for (int i = 16; i < 64; ++i) {
    const uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
    const uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
  for (int i = 0; i < 64; ++i) {
    const uint32_t s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + round_constants[i] + w[i];
    const uint32_t s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}

uint64_t kernel(uint32_t n) {
  static uint8_t block[64];
  uint32_t state[8];
  uint64_t random = 7;
  make_constants();
  for (int i = 0; i < 8; ++i) state[i] = initial[i];
  for (uint32_t round = 0; round < n; ++round) {
    for (int i = 0; i < 64; i += 8) {
      const uint64_t bits = next_random(&random);
      for (int j = 0; j < 8; ++j) block[i + j] = (uint8_t)(bits >> 8 * j);
    }
    compress(state, block);
  }
  uint64_t sum = 0;
  for (int i = 0; i < 8; ++i) sum = fold(sum, state[i]);
  return sum;
}
