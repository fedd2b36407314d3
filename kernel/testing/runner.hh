// Runs what is registered. Boot arguments:
//   test=FILTER    only these tests (filter.hh); without an argument: all
//   bench=FILTER   benchmarks instead of tests; bench= alone: all
//   test-timeout=N a test may take N seconds (120); then it is cancelled and has failed, and its coroutines are shown
//   test-after=X   only those whose names come behind X
//   list-tests     names, one a line, and nothing runs
//   fault=KIND     a fault that nothing survives instead of tests (fault_boot.hh)
// Prints one line a test: "ok suite.name", "FAILED suite.name: why", "skipped suite.name: why"; then
// "kernel-tests: N passed, N failed, N skipped". For benchmarks "name: N instructions".
#pragma once

#include "nacre/kernel/init/boot_context.hh"

namespace nacre::testing {

// The status to stop the machine with: success if nothing failed and, without a filter, something ran.
int run(const init::BootContext& context);

}  // namespace nacre::testing
