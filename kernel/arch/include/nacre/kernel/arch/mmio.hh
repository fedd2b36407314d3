// Device registers. Every access happens, once, in program order among accesses of this CPU to
// devices.
#pragma once

#include <cstdint>

#include "nacre/base/core/address.hh"

namespace nacre::arch {

class MmioRegion {
 public:
  constexpr MmioRegion() = default;
  // `base` is mapped for as long as the region is used.
  constexpr MmioRegion(VirtAddr base, ByteSize size) : base_(base), size_(size) {}

  template <class T>
  [[nodiscard]] T read(uint64_t offset) const {
    const T value = *pointer<T>(offset);
    asm volatile("fence i, ir" ::: "memory");
    return value;
  }
  template <class T>
  void write(uint64_t offset, T value) const {
    asm volatile("fence w, o" ::: "memory");
    *pointer<T>(offset) = value;
  }
  [[nodiscard]] constexpr ByteSize size() const { return size_; }
  [[nodiscard]] constexpr bool is_mapped() const { return !base_.is_null(); }

 private:
  template <class T>
  [[nodiscard]] volatile T* pointer(uint64_t offset) const {
    ASSERT(offset + sizeof(T) <= size_.bytes());
    // SAFETY: the constructor's caller vouches for the mapping; the offset is inside it.
    return reinterpret_cast<volatile T*>(base_.value() + offset);
  }

  VirtAddr base_;
  ByteSize size_;
};

}  // namespace nacre::arch
