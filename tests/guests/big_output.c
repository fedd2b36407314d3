// big_output [BYTES]: writes pseudo-random bytes (10 MB unless told) to standard output in pieces of odd sizes and their
// FNV-1a hash to standard error.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char** argv) {
  static uint8_t buffer[100003];
  size_t left = argc > 1 ? strtoul(argv[1], NULL, 10) : 10u * 1024 * 1024;
  uint64_t state = 0x9e3779b97f4a7c15u;
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t piece = 1; left > 0; piece = piece * 7 % sizeof buffer + 1) {
    const size_t size = piece < left ? piece : left;
    for (size_t i = 0; i < size; ++i) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      buffer[i] = (uint8_t)(state >> 32);
      hash = (hash ^ buffer[i]) * 0x100000001b3u;
    }
    for (size_t done = 0; done < size;) {
      const ssize_t count = write(STDOUT_FILENO, buffer + done, size - done);
      if (count <= 0) return 1;
      done += (size_t)count;
    }
    left -= size;
  }
  fprintf(stderr, "%016llx\n", (unsigned long long)hash);
  return 0;
}
