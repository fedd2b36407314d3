#include "nacre/kernel/arch/cpus.hh"

#include <array>
#include <atomic>

#include "nacre/base/core/panic.hh"
#include "nacre/kernel/arch/per_cpu.hh"

namespace nacre::arch {
namespace {

// Written once, by the CPU itself, before its bit in `running`.
constinit std::array<HartId, kMaxCpus> harts{};
constinit std::array<const PerCpu*, kMaxCpus> blocks{};
// The release of announce_cpu pairs with the acquire of running_cpus.
constinit std::atomic<CpuMask> running{0};

}  // namespace

void announce_cpu(CpuId cpu, HartId hart) {
  ASSERT(cpu.value < kMaxCpus);
  harts[cpu.value] = hart;
  blocks[cpu.value] = &this_cpu();
  running.fetch_or(mask_of(cpu), std::memory_order_release);
}

CpuMask running_cpus() {
  return running.load(std::memory_order_acquire);
}

HartId hart_of(CpuId cpu) {
  DEBUG_ASSERT((running_cpus() & mask_of(cpu)) != 0);
  return harts[cpu.value];
}

uint64_t interrupts_served(CpuId cpu, InterruptSource source) {
  if (cpu.value >= kMaxCpus || (running_cpus() & mask_of(cpu)) == 0) return 0;
  return blocks[cpu.value]->interrupts[static_cast<size_t>(source)].load(std::memory_order_relaxed);
}

}  // namespace nacre::arch
