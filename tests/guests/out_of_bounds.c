// out_of_bounds ACCESS ADDRESS: one load or store at ADDRESS (in any base; "end" is the memory's length, "end-N" N bytes
// below it), with the static offset that ACCESS names. Prints "survived" if the access was allowed.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOAD(type, letter, text)                                                     \
  static type letter(uintptr_t p) {                                                  \
    type value;                                                                      \
    __asm__ volatile("local.get %1\n" text "\nlocal.set %0" : "=r"(value) : "r"(p)); \
    return value;                                                                    \
  }
#define STORE(type, letter, text)                                                 \
  static void letter(uintptr_t p) {                                               \
    const type value = (type)1;                                                   \
    __asm__ volatile("local.get %0\nlocal.get %1\n" text : : "r"(p), "r"(value)); \
  }

LOAD(uint32_t, load8_0, "i32.load8_u 0")
LOAD(uint32_t, load16_0, "i32.load16_u 0")
LOAD(uint32_t, load32_0, "i32.load 0")
LOAD(uint64_t, load64_0, "i64.load 0")
LOAD(double, loadf64_0, "f64.load 0")
LOAD(uint32_t, load8_2047, "i32.load8_u 2047")
LOAD(uint32_t, load8_2048, "i32.load8_u 2048")
LOAD(uint32_t, load8_65535, "i32.load8_u 65535")
LOAD(uint32_t, load32_65536, "i32.load 65536")
LOAD(uint64_t, load64_1g, "i64.load 1073741824")
LOAD(uint32_t, load8_2g, "i32.load8_u 2147483648")
LOAD(uint32_t, load8_max, "i32.load8_u 4294967295")
LOAD(uint64_t, load64_max, "i64.load 4294967295")
STORE(uint32_t, store8_0, "i32.store8 0")
STORE(uint64_t, store64_0, "i64.store 0")
STORE(uint32_t, store32_65536, "i32.store 65536")
STORE(uint64_t, store64_max, "i64.store 4294967295")

static uintptr_t parse(const char* text) {
  if (strncmp(text, "end", 3) != 0) return strtoul(text, NULL, 0);
  const uintptr_t end = __builtin_wasm_memory_size(0) * 65536;
  return text[3] == '-' ? end - strtoul(text + 4, NULL, 0) : end;
}

#define ACCESS(name) \
  if (strcmp(argv[1], #name) == 0) (void)name(address), known = 1

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const uintptr_t address = parse(argv[2]);
  int known = 0;
  ACCESS(load8_0);
  ACCESS(load16_0);
  ACCESS(load32_0);
  ACCESS(load64_0);
  ACCESS(loadf64_0);
  ACCESS(load8_2047);
  ACCESS(load8_2048);
  ACCESS(load8_65535);
  ACCESS(load32_65536);
  ACCESS(load64_1g);
  ACCESS(load8_2g);
  ACCESS(load8_max);
  ACCESS(load64_max);
  ACCESS(store8_0);
  ACCESS(store64_0);
  ACCESS(store32_65536);
  ACCESS(store64_max);
  if (!known) return 2;
  puts("survived");
  return 0;
}
