#include "nacre/kernel/arch/per_cpu.hh"

namespace nacre::arch {

// kernel.ld demands this symbol and puts its section first, so that the object is at tp + 0 in every TLS block.
extern "C" {
[[gnu::section(".tdata.nacre_per_cpu"),
  gnu::used]] thread_local constinit PerCpu nacre_per_cpu_block{};
}

}  // namespace nacre::arch
