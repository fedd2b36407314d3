// For code that goes wrong on purpose, and for tests and benchmarks of such code.
#pragma once

namespace nacre::arch {

// `value`, of which the optimiser knows nothing any more. T fits into a register.
template <class T>
[[nodiscard]] T opaque(T value) {
  // SAFETY: no instruction at all.
  asm volatile("" : "+r"(value));
  return value;
}

}  // namespace nacre::arch
