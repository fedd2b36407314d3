// The words of the loader's image that hold addresses: those that change when it does not lie where it was linked to, which is
// so when UEFI loads it. The linker lists them in its RELR format: a word that is even is the address of one; an odd one says by
// its bits 1 to 63 which of the 63 words behind the last one listed are others.
//
// The image is signed as linked. check_image() therefore looks at it with the slide taken off again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace nacre::loader {

// loader.ld says so, too.
inline constexpr uint64_t kLoaderLinkAddress = 0x8020'0000;

// Calls visit(address as linked) for each.
template <class Visitor>
void for_each_relocation(std::span<const uint64_t> list, Visitor&& visit) {
  uint64_t next = 0;
  for (const uint64_t entry : list) {
    if ((entry & 1) == 0) {
      visit(entry);
      next = entry + sizeof(uint64_t);
      continue;
    }
    for (uint64_t bits = entry >> 1, at = next; bits != 0; bits >>= 1, at += sizeof(uint64_t)) {
      if ((bits & 1) != 0) visit(at);
    }
    next += 63 * sizeof(uint64_t);
  }
}

}  // namespace nacre::loader
