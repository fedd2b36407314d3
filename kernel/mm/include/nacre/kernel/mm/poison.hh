// Tells an address sanitizer what of the direct map may be touched. Without one (NACRE_KASAN is not defined) nothing of this is
// left in the code.
//
// A byte of shadow says of eight bytes how many of them, from the front, are good: 0 for all, 1 to 7, or kPoisoned for none.
// Freed frames and heap objects are poisoned, and of a heap object what is beyond the size that was asked for.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nacre::mm {

#ifdef NACRE_KASAN

// From here on accesses to [start, start + size) are checked; `shadow` has size / 8 bytes, all zero.
void start_checking(uint64_t start, uint64_t size, uint8_t* shadow) noexcept;
// Addresses outside the checked range are ignored. `start` is a multiple of 8.
void poison(const void* start, size_t size) noexcept;
void unpoison(const void* start, size_t size) noexcept;

#else

inline void poison(const void*, size_t) noexcept {}
inline void unpoison(const void*, size_t) noexcept {}

#endif

}  // namespace nacre::mm
