// What the boot sequence knows when everything runs.
#pragma once

#include "nacre/abi/boot_info.hh"
#include "nacre/base/fdt/boot_arguments.hh"
#include "nacre/base/fdt/tree.hh"

namespace nacre::init {

struct BootContext {
  const abi::BootInfo& info;
  const fdt::Tree& tree;
  const fdt::BootArguments& arguments;
};

}  // namespace nacre::init
