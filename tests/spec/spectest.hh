// The host module "spectest" that the suite's modules import from.
#pragma once

#include "nacre/base/core/error.hh"
#include "nacre/engine/runtime/linker.hh"

namespace nacre::spec {

[[nodiscard]] Result<void> define_spectest(runtime::Store& store, runtime::Linker& linker);

}  // namespace nacre::spec
