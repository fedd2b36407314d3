// From the boot archive to what the guest finds: the trees root0/…, root1/… become preopened directories.
#pragma once

#include <cstddef>
#include <span>

#include "nacre/base/core/error.hh"
#include "nacre/base/launch/config.hh"
#include "nacre/engine/wasi/process.hh"

namespace nacre::kwasm {

// Files stay views of `archive`, which must outlive the process's file system. Errors name the entry.
[[nodiscard]] Result<void> mount_archive(std::span<const std::byte> archive,
                                         const launch::Config& config, wasi::Process& process);

}  // namespace nacre::kwasm
