#include "nacre/kernel/arch/per_cpu.hh"

namespace nacre::arch {

// kernel.ld puts this section first, so that the object is at tp + 0 in every TLS block.
[[gnu::section(".tdata.nacre_per_cpu"), gnu::used,
  gnu::retain]] thread_local constinit PerCpu per_cpu_block{};

}  // namespace nacre::arch
