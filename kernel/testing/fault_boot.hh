// A boot that ends in a fault (kernel/fault), for what no test survives: fault=KIND[@CONTEXT]. Contexts: kmain, the default, before
// the executor runs; task; fiber; interrupt, a handler that a task's CPU runs; elsewhere, a handler that CPU 1 runs when idle; all, tasks
// on all CPUs at once.
#pragma once

#include <string_view>

#include "nacre/abi/boot_info.hh"

namespace nacre::testing {

// Returns only if there is no such fault or context, having said so.
int run_fault(std::string_view wanted, const abi::BootInfo& info);

}  // namespace nacre::testing
