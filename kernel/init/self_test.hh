// selftest=NAME on the command line: shows on a real machine what no host test can, then stops. tests/boot checks output and
// exit status.
#pragma once

#include <string_view>

#include "nacre/kernel/init/boot_context.hh"

namespace nacre::init {

// The status to stop with; kExitKernelFailure for an unknown name or a failed test. Several of them panic by design.
int run_self_test(std::string_view name, const BootContext& context);

// The part of a self-test that every other CPU does, at the end of its late phase.
void run_self_test_elsewhere(std::string_view name);

}  // namespace nacre::init
