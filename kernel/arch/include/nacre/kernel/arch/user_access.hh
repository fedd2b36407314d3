// Touching memory that may not be there: the access ends with `false` instead of a panic. For
// memory of the current user address space; the range must lie in the lower half.
#pragma once

#include <cstddef>
#include <cstdint>

#include "nacre/base/core/address.hh"

namespace nacre::arch {

// On failure some first part may have been copied.
[[nodiscard]] bool copy_from_user(void* to, UserAddr from, size_t size);
[[nodiscard]] bool copy_to_user(UserAddr to, const void* from, size_t size);

// The same for any address, the kernel's own included: for people who look at memory. Not for device registers.
[[nodiscard]] bool peek(void* to, VirtAddr from, size_t size);

// Where a faulting instruction at `pc` continues, or 0. For the trap handler.
[[nodiscard]] uint64_t find_fixup(uint64_t pc);

}  // namespace nacre::arch
