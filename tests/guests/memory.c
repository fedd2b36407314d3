// memory: grows its memory until that fails, then uses what it has got.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  enum { kBlock = 1 << 20, kMost = 4096 };
  static uint8_t* blocks[kMost];
  int count = 0;
  while (count < kMost && (blocks[count] = malloc(kBlock)) != NULL) ++count;
  for (int i = 0; i < count; ++i) blocks[i][i] = (uint8_t)i;
  for (int i = 0; i < count; ++i) {
    if (blocks[i][i] != (uint8_t)i) return 1;
  }
  printf("%d MiB\n", count);
  return count > 0 && count < kMost ? 0 : 1;
}
