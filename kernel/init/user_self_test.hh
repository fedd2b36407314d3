// User mode without an engine: a few hand-written instructions in an address space of their own.
#pragma once

#include "nacre/kernel/init/boot_context.hh"

namespace nacre::init {

int test_user_mode(const BootContext& context);

}  // namespace nacre::init
