/* memcpy, memmove, memset and memcmp for the kernel and its loader: picolibc's are byte loops. Destinations are aligned
   first and then written by words; a source of another alignment is read by aligned words that are shifted together,
   which never reads outside the words that hold the source. */
#include <stddef.h>
#include <stdint.h>

typedef uint64_t __attribute__((may_alias)) word;

enum { kWord = sizeof(word) };

/* Copies whole words to aligned `to`, from `from` of any alignment; the bytes behind them are left to the caller. */
static void copy_words(word* to, const unsigned char* from, size_t words) {
  const size_t skew = (uintptr_t)from % kWord;
  if (skew == 0) {
    const word* source = (const word*)from;
    for (; words >= 4; words -= 4, to += 4, source += 4) {
      const word a = source[0], b = source[1], c = source[2], d = source[3];
      to[0] = a;
      to[1] = b;
      to[2] = c;
      to[3] = d;
    }
    while (words-- > 0) *to++ = *source++;
    return;
  }
  const word* source = (const word*)(from - skew);
  const unsigned low = 8 * (unsigned)skew;
  const unsigned high = 64 - low;
  word left = *source++;
  while (words-- > 0) {
    const word right = *source++;
    *to++ = left >> low | right << high;
    left = right;
  }
}

void* memcpy(void* restrict destination, const void* restrict origin, size_t size) {
  unsigned char* to = destination;
  const unsigned char* from = origin;
  if (size >= 2 * kWord) {
    while ((uintptr_t)to % kWord != 0) {
      *to++ = *from++;
      --size;
    }
    const size_t words = size / kWord;
    copy_words((word*)to, from, words);
    to += words * kWord;
    from += words * kWord;
    size %= kWord;
  }
  while (size-- > 0) *to++ = *from++;
  return destination;
}

void* memmove(void* destination, const void* origin, size_t size) {
  unsigned char* to = destination;
  const unsigned char* from = origin;
  /* Words are read ahead of where they are written, at most one word; so copying upwards is safe unless the
     destination begins inside the source. */
  if ((uintptr_t)to - (uintptr_t)from >= size) {
    if ((uintptr_t)from - (uintptr_t)to >= 2 * kWord) return memcpy(destination, origin, size);
    for (size_t i = 0; i < size; ++i) to[i] = from[i];
    return destination;
  }
  if (((uintptr_t)to - (uintptr_t)from) % kWord == 0) {
    while (size > 0 && (uintptr_t)(to + size) % kWord != 0) {
      --size;
      to[size] = from[size];
    }
    for (; size >= kWord; size -= kWord) {
      *(word*)(to + size - kWord) = *(const word*)(from + size - kWord);
    }
  }
  while (size > 0) {
    --size;
    to[size] = from[size];
  }
  return destination;
}

void* memset(void* destination, int value, size_t size) {
  unsigned char* to = destination;
  const unsigned char byte = (unsigned char)value;
  if (size >= 2 * kWord) {
    while ((uintptr_t)to % kWord != 0) {
      *to++ = byte;
      --size;
    }
    const word pattern = byte * 0x0101010101010101u;
    word* words = (word*)to;
    for (; size >= 4 * kWord; size -= 4 * kWord, words += 4) {
      words[0] = pattern;
      words[1] = pattern;
      words[2] = pattern;
      words[3] = pattern;
    }
    for (; size >= kWord; size -= kWord) *words++ = pattern;
    to = (unsigned char*)words;
  }
  while (size-- > 0) *to++ = byte;
  return destination;
}

int memcmp(const void* left, const void* right, size_t size) {
  const unsigned char* a = left;
  const unsigned char* b = right;
  if (((uintptr_t)a | (uintptr_t)b) % kWord == 0) {
    while (size >= kWord && *(const word*)a == *(const word*)b) {
      a += kWord;
      b += kWord;
      size -= kWord;
    }
  }
  for (; size > 0; --size, ++a, ++b) {
    if (*a != *b) return *a < *b ? -1 : 1;
  }
  return 0;
}
