// A fault where an interrupt is served.
#pragma once

#include "nacre/kernel/arch/per_cpu.hh"

namespace nacre::testing {

// Sends a CPU a software interrupt whose handler calls `make`. The executor's own handler comes back when this ends. One at a time.
class FaultyInterrupt {
 public:
  FaultyInterrupt(void (*make)(), CpuId cpu);
  ~FaultyInterrupt();
  FaultyInterrupt(const FaultyInterrupt&) = delete;
  FaultyInterrupt& operator=(const FaultyInterrupt&) = delete;
};

}  // namespace nacre::testing
