// The shell on the console: boot argument `shell`. Programs come from the boot archive, whose trees are preopened for each of them
// as for the boot program (abi/control.hh).
#pragma once

#include "nacre/abi/boot_info.hh"
#include "nacre/base/fdt/boot_arguments.hh"
#include "nacre/base/fdt/tree.hh"

namespace nacre::shell {

// Until `shutdown` or the end of the input (^D); the status to stop with. On the CPU that takes external interrupts.
int run(const abi::BootInfo& info, const fdt::Tree& tree, const fdt::BootArguments& arguments);

// The boot archive's program with the console for its streams: boot argument `console`, for machines without the ports of
// abi/control.hh. Returns what `nacre run` would exit with, and reports errors and traps as it does.
int run_program(const abi::BootInfo& info, const fdt::Tree& tree);

}  // namespace nacre::shell
