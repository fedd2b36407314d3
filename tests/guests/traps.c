// traps KIND: does something that WebAssembly answers with a trap.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile int zero = 0;
static volatile int32_t lowest = INT32_MIN;

// Uses the machine's stack only.
__attribute__((noinline)) static int recurse(int depth) {
  return depth == zero - 1 ? 0 : recurse(depth + 1) * 3 + depth;
}

// Uses the stack that clang keeps in linear memory, which ends long before the machine's.
__attribute__((noinline)) static int recurse_in_memory(volatile int* depth) {
  if (*depth < 0) return 0;
  char frame[64];
  memset(frame, *depth, sizeof frame);
  ++*depth;
  return recurse_in_memory(depth) + frame[*depth & 63];
}

__attribute__((noinline)) static int32_t divide(int32_t a, int32_t b) {
  int32_t result;
  __asm__ volatile("local.get %1\nlocal.get %2\ni32.div_s\nlocal.set %0"
                   : "=r"(result)
                   : "r"(a), "r"(b));
  return result;
}

__attribute__((noinline)) static int32_t convert(double value) {
  int32_t result;
  __asm__ volatile("local.get %1\ni32.trunc_f64_s\nlocal.set %0" : "=r"(result) : "r"(value));
  return result;
}

int main(int argc, char** argv) {
  const char* kind = argc > 1 ? argv[1] : "";
  fprintf(stderr, "before\n");
  int depth = 0;
  if (strcmp(kind, "unreachable") == 0) __builtin_trap();
  if (strcmp(kind, "abort") == 0) abort();
  if (strcmp(kind, "recursion") == 0) return recurse(0);
  if (strcmp(kind, "recursion-in-memory") == 0) return recurse_in_memory(&depth);
  if (strcmp(kind, "divide") == 0) return divide(1, zero);
  if (strcmp(kind, "overflow") == 0) return divide(lowest, zero - 1);
  if (strcmp(kind, "convert") == 0) return convert(1e30 + zero);
  if (strcmp(kind, "nan") == 0) return convert((double)zero / (double)zero);
  if (strcmp(kind, "null-call") == 0) {
    void (*volatile nothing)(void) = NULL;
    nothing();
  }
  if (strcmp(kind, "wrong-type") == 0) {
    int (*volatile wrong)(double, double) = (int (*)(double, double))(uintptr_t)&divide;
    return wrong(1, 2);
  }
  puts("nothing happened");
  return 0;
}
