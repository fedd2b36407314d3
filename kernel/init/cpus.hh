// How the CPUs of the machine come together. CPU 0 is the hart that firmware started; it does the global phase alone, while
// the others wait at the end of their first phase.
//
//   CPU 0:   enter_cpu → … → wait_for_all → … → release_others → late phase
//   others:  enter_cpu → wait_for_release ………………………………………→ late phase
#pragma once

#include <cstdint>

#include "nacre/abi/boot_info.hh"
#include "nacre/base/core/address.hh"
#include "nacre/kernel/init/boot_context.hh"

namespace nacre::init {

// The current CPU's own block and trap vector. Nothing may trap before. `place` is its index in the loader's BootInfo; its
// number may be a lower one in the end, if a CPU before it does not come.
void enter_cpu(const abi::BootInfo& info, size_t place);

// CPU 0, once the clock and the heap work: waits until every CPU has left the loader, but at most a second, and takes
// those that did not come out of info.cpus. Whether all came; if not, the loader's memory has to stay.
[[nodiscard]] bool wait_for_all(abi::BootInfo& info);

// CPU 0: what it wrote before is there for the others. `context` stays.
void release_others(const BootContext& context);
// The others: sleeps until then. Never returns for one that came too late.
[[nodiscard]] const BootContext& wait_for_release(const abi::BootInfo& info, size_t place);

// At the end of a CPU's late phase, and how many have come so far.
void note_online();
[[nodiscard]] uint32_t online_cpus();

}  // namespace nacre::init
