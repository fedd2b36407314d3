// Bytes of machine code: a vector that does not clear what is about to be written.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace nacre::masm {

template <class T>
struct UnclearedAllocator : std::allocator<T> {
  // Of an element that has no value given.
  template <class U>
  void construct(U* at) {
    ::new (static_cast<void*>(at)) U;
  }
  template <class U, class... Arguments>
  void construct(U* at, Arguments&&... arguments) {
    ::new (static_cast<void*>(at)) U(std::forward<Arguments>(arguments)...);
  }
};

using CodeBytes = std::vector<uint8_t, UnclearedAllocator<uint8_t>>;

}  // namespace nacre::masm
