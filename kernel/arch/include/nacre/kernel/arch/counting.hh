// Marks that open and close a region for an instruction counter outside the machine (an emulator's plug-in). They are hint
// instructions: without a counter they do nothing.
#pragma once

namespace nacre::arch {

inline void begin_counted_region() {
  asm volatile("slti x0, x0, 1" ::: "memory");
}
inline void end_counted_region() {
  asm volatile("slti x0, x0, 2" ::: "memory");
}

}  // namespace nacre::arch
