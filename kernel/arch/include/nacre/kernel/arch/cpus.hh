// Which CPUs run, and what the firmware calls them.
#pragma once

#include <cstdint>

#include "nacre/base/core/address.hh"
#include "nacre/kernel/arch/interrupts.hh"

namespace nacre::arch {

// A bit for each CpuId.
using CpuMask = uint64_t;
inline constexpr uint32_t kMaxCpus = 64;

[[nodiscard]] constexpr CpuMask mask_of(CpuId cpu) {
  return CpuMask{1} << cpu.value;
}

// Called by each CPU for itself, once it has its number for good and takes traps: from here on others may send it fences and
// interrupts.
void announce_cpu(CpuId cpu, HartId hart);
// All that were announced.
[[nodiscard]] CpuMask running_cpus();
// Of a CPU that was announced.
[[nodiscard]] HartId hart_of(CpuId cpu);
// How many interrupts of that kind the CPU served since it was started; 0 of one that was not announced.
[[nodiscard]] uint64_t interrupts_served(CpuId cpu, InterruptSource source);

}  // namespace nacre::arch
