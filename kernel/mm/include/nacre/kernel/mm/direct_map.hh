// The direct map: all of physical memory at one constant distance in the kernel's half. The only
// way from a physical address to a pointer. In host tests the distance leads into an array.
#pragma once

#include <cstdint>

#include "nacre/base/core/address.hh"

namespace nacre::mm {

class DirectMap {
 public:
  constexpr DirectMap() = default;
  // virtual = physical + offset, modulo 2^64.
  constexpr explicit DirectMap(uint64_t offset) : offset_(offset) {}

  [[nodiscard]] constexpr uint64_t offset() const { return offset_; }
  template <class T>
  [[nodiscard]] T* pointer(PhysAddr address) const {
    // SAFETY: INV direct-map — every frame that the allocator owns is mapped read-write at this
    // distance, for ever.
    return reinterpret_cast<T*>(address.value() + offset_);
  }
  // Of a pointer into the direct map.
  [[nodiscard]] PhysAddr physical(const void* pointer) const {
    // SAFETY: the address is only computed with, never dereferenced.
    return PhysAddr(reinterpret_cast<uint64_t>(pointer) - offset_);
  }

 private:
  uint64_t offset_ = 0;
};

}  // namespace nacre::mm
