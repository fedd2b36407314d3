// Marks that open and close a region for an instruction counter outside the machine (an emulator's plug-in). They are hint
// instructions: without a counter they do nothing.
#pragma once

#include <cstdint>

namespace nacre::arch {

inline void begin_counted_region() {
  asm volatile("slti x0, x0, 1" ::: "memory");
}
inline void end_counted_region() {
  asm volatile("slti x0, x0, 2" ::: "memory");
}

// Instructions that this hart has executed, the kernel's and the guests'. Exact where the emulator counts time in instructions.
[[nodiscard]] inline uint64_t retired_instructions() {
  uint64_t count;
  asm volatile("rdinstret %0" : "=r"(count)::"memory");
  return count;
}

}  // namespace nacre::arch
