// What initialize_machine() found out; written once by the boot CPU before others run, then
// constant.
#pragma once

#include <cstdint>

#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/arch/mmio.hh"

namespace nacre::arch {

struct MachineState {
  uint64_t ticks_per_second;
  MmioRegion console;      // unmapped: firmware's console
  MmioRegion test_device;  // unmapped: firmware's shutdown
  CpuFeatures features;
};
extern constinit MachineState g_machine;

}  // namespace nacre::arch
