// Searching text for words: a naive scan, Horspool's shift table, and Knuth-Morris-Pratt.
#include "kernel.h"

#define MAX_TEXT 65536
static char text[MAX_TEXT];

static uint32_t naive(const char* haystack, uint32_t length, const char* needle, uint32_t size) {
  uint32_t hits = 0;
  for (uint32_t i = 0; i + size <= length; ++i) {
    uint32_t j = 0;
    while (j < size && haystack[i + j] == needle[j]) ++j;
    hits += j == size;
  }
  return hits;
}

static uint32_t horspool(const char* haystack, uint32_t length, const char* needle, uint32_t size) {
  uint32_t shift[256], hits = 0;
  for (int i = 0; i < 256; ++i) shift[i] = size;
  for (uint32_t i = 0; i + 1 < size; ++i) shift[(uint8_t)needle[i]] = size - 1 - i;
  for (uint32_t i = 0; i + size <= length;) {
    const uint8_t last = (uint8_t)haystack[i + size - 1];
    uint32_t j = size;
    while (j > 0 && haystack[i + j - 1] == needle[j - 1]) --j;
    hits += j == 0;
    i += shift[last];
  }
  return hits;
}

static uint32_t knuth_morris_pratt(const char* haystack, uint32_t length, const char* needle,
                                   uint32_t size) {
  uint32_t border[32];
  border[0] = 0;
  for (uint32_t i = 1, k = 0; i < size; ++i) {
    while (k > 0 && needle[k] != needle[i]) k = border[k - 1];
    if (needle[k] == needle[i]) ++k;
    border[i] = k;
  }
  uint32_t hits = 0;
  for (uint32_t i = 0, k = 0; i < length; ++i) {
    while (k > 0 && needle[k] != haystack[i]) k = border[k - 1];
    if (needle[k] == haystack[i]) ++k;
    if (k == size) {
      ++hits;
      k = border[k - 1];
    }
  }
  return hits;
}

uint64_t kernel(uint32_t n) {
  if (n > MAX_TEXT) n = MAX_TEXT;
  uint64_t random = 11, sum = 0;
  for (uint32_t i = 0; i < n; ++i) text[i] = "abcd efgh"[next_random(&random) >> 32 & 7];
  char needle[8];
  for (uint32_t size = 2; size <= 7; ++size) {
    for (uint32_t i = 0; i < size; ++i) needle[i] = text[n / 2 + i];
    sum = fold(sum, naive(text, n, needle, size));
    sum = fold(sum, horspool(text, n, needle, size));
    sum = fold(sum, knuth_morris_pratt(text, n, needle, size));
  }
  return sum;
}
