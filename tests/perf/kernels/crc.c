// Bits and bytes: CRC-32 by table and by bit, bit reversal, leading and trailing zeros, population count.
#include "kernel.h"

static uint32_t table[256];

static uint32_t crc_byte(uint32_t crc, uint8_t byte) {
  return table[(crc ^ byte) & 255] ^ crc >> 8;
}

static uint32_t crc_bits(uint32_t crc, uint8_t byte) {
  crc ^= byte;
  for (int i = 0; i < 8; ++i) crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
  return crc;
}

static uint32_t reverse(uint32_t x) {
  x = (x >> 1 & 0x55555555u) | (x & 0x55555555u) << 1;
  x = (x >> 2 & 0x33333333u) | (x & 0x33333333u) << 2;
  x = (x >> 4 & 0x0f0f0f0fu) | (x & 0x0f0f0f0fu) << 4;
  x = (x >> 8 & 0x00ff00ffu) | (x & 0x00ff00ffu) << 8;
  return x >> 16 | x << 16;
}

uint64_t kernel(uint32_t n) {
  for (uint32_t i = 0; i < 256; ++i) table[i] = crc_bits(0, (uint8_t)i);
  uint64_t random = 41, sum = 0;
  uint32_t by_table = ~0u, by_bit = ~0u;
  for (uint32_t i = 0; i < n; ++i) {
    const uint64_t bits = next_random(&random);
    for (int j = 0; j < 64; j += 8) by_table = crc_byte(by_table, (uint8_t)(bits >> j));
    by_bit = crc_bits(by_bit, (uint8_t)(bits >> 3));
    sum += reverse((uint32_t)bits);
    sum += (uint64_t)(__builtin_clzll(bits | 1) + __builtin_ctz((uint32_t)bits | 0x80000000u) +
                      __builtin_popcountll(bits));
    sum = fold(sum, by_table ^ by_bit);
  }
  return sum;
}
