// What a kernel asks of the loader. It stands in a segment of the kernel's image of type kSegmentType, so that every payload
// says for itself what it needs: kernel/init/request.cc for the system, another definition of nacre_boot_request for another.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nacre::abi {

struct BootRequest {
  static constexpr uint64_t kMagic = 0x746e6157'6572636e;  // "ncreWant"
  static constexpr uint32_t kSegmentType = 0x6e637265;     // p_type, in the range left to us
  static constexpr uint32_t kMaxStackPages = 4096;

  enum Placement : uint32_t {
    Random = 0,  // unless the command line says kaslr=off
    Fixed = 1,   // as linked
  };

  uint64_t magic;
  uint32_t version;                // BootInfo::kVersion that the kernel understands
  uint32_t size;                   // sizeof(BootRequest)
  uint32_t boot_stack_pages;       // of each hart, 1 to kMaxStackPages
  uint32_t emergency_stack_pages;  // likewise
  uint64_t heap_bytes;             // that must be free when the kernel begins, at least
  uint32_t paging_modes;  // bit m: satp.MODE m is fine; the loader takes the largest that there is
  Placement placement;
};
static_assert(sizeof(BootRequest) == 40);

}  // namespace nacre::abi
