// The kernel that this loader carries.
#pragma once

#include <cstddef>
#include <span>

namespace nacre::loader {

// The kernel's ELF file. The only way to it: a packed or signed payload would be unpacked and checked in here.
[[nodiscard]] std::span<const std::byte> open_payload();

}  // namespace nacre::loader
