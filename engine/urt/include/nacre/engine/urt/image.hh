// The user runtime: one position-independent native image that the kernel maps read-execute into
// every domain. It begins with a UrtHeader that says where its entry points are.
#pragma once

#include <cstdint>
#include <span>

#include "nacre/abi/vm_context.hh"

namespace nacre::urt {

// Offsets are bytes from the start of the image.
struct UrtHeader {
  static constexpr uint32_t kMagic = 0x7472'754e;  // "Nurt"

  uint32_t magic;
  uint32_t size;         // of the whole image
  uint32_t host_call;    // VmContext::host_call
  uint32_t thread_exit;  // ra of an invoked function
  uint32_t builtins[static_cast<uint32_t>(abi::Builtin::Count)];
};
static_assert(sizeof(UrtHeader) == 16 + 4 * 8, "entry.S lays out the same words");

// The image's bytes, page-aligned in the kernel's read-only data.
[[nodiscard]] std::span<const uint8_t> image();
[[nodiscard]] const UrtHeader& header();

}  // namespace nacre::urt
