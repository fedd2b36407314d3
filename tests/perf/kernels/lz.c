// LZ77 compression with a hash of the last three bytes, and the way back.
#include "kernel.h"

#define MAX_INPUT 65536
static uint8_t input[MAX_INPUT], packed[2 * MAX_INPUT], output[MAX_INPUT + 300];
static int32_t heads[4096];

static uint32_t hash3(const uint8_t* p) {
  const uint32_t v = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
  return v * 2654435761u >> 20;
}

// Tokens: 0, literal | length (3…255), distance low, distance high.
static uint32_t pack(uint32_t size) {
  uint32_t out = 0, at = 0;
  for (int i = 0; i < 4096; ++i) heads[i] = -1;
  while (at < size) {
    uint32_t best = 0;
    int32_t from = -1;
    if (at + 3 <= size) {
      const uint32_t slot = hash3(&input[at]);
      from = heads[slot];
      heads[slot] = (int32_t)at;
      if (from >= 0 && at - (uint32_t)from < 65536) {
        const uint32_t limit = size - at < 255 ? size - at : 255;
        while (best < limit && input[(uint32_t)from + best] == input[at + best]) ++best;
      }
    }
    if (best >= 3) {
      const uint32_t distance = at - (uint32_t)from;
      packed[out++] = (uint8_t)best;
      packed[out++] = (uint8_t)distance;
      packed[out++] = (uint8_t)(distance >> 8);
      at += best;
    } else {
      packed[out++] = 0;
      packed[out++] = input[at++];
    }
  }
  return out;
}

static uint32_t unpack(uint32_t size) {
  uint32_t out = 0;
  for (uint32_t at = 0; at < size;) {
    const uint32_t length = packed[at++];
    if (length == 0) {
      output[out++] = packed[at++];
      continue;
    }
    const uint32_t distance = packed[at] | (uint32_t)packed[at + 1] << 8;
    at += 2;
    for (uint32_t i = 0; i < length; ++i, ++out) output[out] = output[out - distance];
  }
  return out;
}

uint64_t kernel(uint32_t n) {
  if (n > MAX_INPUT) n = MAX_INPUT;
  uint64_t random = 23;
  for (uint32_t i = 0; i < n; ++i) {
    // Runs of earlier text between random bytes.
    const uint64_t bits = next_random(&random);
    input[i] = (bits & 15) != 0 && i > 200 ? input[i - 1 - (i >> 5) % 160]
                                           : (uint8_t)('a' + (bits >> 40) % 20);
  }
  const uint32_t size = pack(n);
  const uint32_t back = unpack(size);
  uint64_t sum = fold(fold(0, size), back);
  for (uint32_t i = 0; i < n; ++i) {
    if (output[i] != input[i]) return 0;
    sum = fold(sum, packed[i < size ? i : size - 1]);
  }
  return sum;
}
