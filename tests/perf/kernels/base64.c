// Base64 (RFC 4648) there and back.
#include "kernel.h"

#define MAX_INPUT 49152
static uint8_t input[MAX_INPUT], output[MAX_INPUT];
static char encoded[MAX_INPUT / 3 * 4 + 4];
static int8_t values[256];
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static uint32_t encode(uint32_t size) {
  uint32_t out = 0, i = 0;
  for (; i + 2 < size; i += 3) {
    const uint32_t v = (uint32_t)input[i] << 16 | (uint32_t)input[i + 1] << 8 | input[i + 2];
    encoded[out++] = alphabet[v >> 18];
    encoded[out++] = alphabet[v >> 12 & 63];
    encoded[out++] = alphabet[v >> 6 & 63];
    encoded[out++] = alphabet[v & 63];
  }
  if (i < size) {
    const uint32_t v = (uint32_t)input[i] << 16 | (i + 1 < size ? (uint32_t)input[i + 1] << 8 : 0);
    encoded[out++] = alphabet[v >> 18];
    encoded[out++] = alphabet[v >> 12 & 63];
    encoded[out++] = i + 1 < size ? alphabet[v >> 6 & 63] : '=';
    encoded[out++] = '=';
  }
  return out;
}

static uint32_t decode(uint32_t size) {
  uint32_t out = 0, bits = 0, held = 0;
  for (uint32_t i = 0; i < size; ++i) {
    const int8_t value = values[(uint8_t)encoded[i]];
    if (value < 0) break;
    bits = bits << 6 | (uint32_t)value;
    held += 6;
    if (held >= 8) {
      held -= 8;
      output[out++] = (uint8_t)(bits >> held);
    }
  }
  return out;
}

uint64_t kernel(uint32_t n) {
  if (n > MAX_INPUT) n = MAX_INPUT;
  uint64_t random = 29;
  for (int i = 0; i < 256; ++i) values[i] = -1;
  for (int i = 0; i < 64; ++i) values[(uint8_t)alphabet[i]] = (int8_t)i;
  for (uint32_t i = 0; i < n; ++i) input[i] = (uint8_t)(next_random(&random) >> 50);
  const uint32_t size = encode(n);
  const uint32_t back = decode(size);
  uint64_t sum = fold(fold(0, size), back);
  for (uint32_t i = 0; i < n; ++i) sum = fold(sum, output[i] == input[i] ? (uint8_t)encoded[i] : 0);
  return sum;
}
