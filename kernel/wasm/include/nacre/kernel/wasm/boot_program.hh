// The program that the machine was started for: config and module come from the boot archive, the streams lead to the host.
#pragma once

#include "nacre/abi/boot_info.hh"
#include "nacre/base/fdt/boot_arguments.hh"
#include "nacre/base/fdt/tree.hh"

namespace nacre::kwasm {

// Runs it to its end and reports that end on the control port. Returns the machine's exit status: success whenever the report was
// made, whatever it says.
[[nodiscard]] int run_boot_program(const abi::BootInfo& info, const fdt::Tree& tree,
                                   const fdt::BootArguments& arguments);

}  // namespace nacre::kwasm
