// Trivial objects to and from guest memory as bytes, through the Platform.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "nacre/base/core/error.hh"
#include "nacre/engine/runtime/platform.hh"

namespace nacre::runtime {

template <class T>
  requires std::is_trivially_copyable_v<T>
[[nodiscard]] std::span<const uint8_t> bytes_of(std::span<const T> values) {
  // SAFETY: any object may be looked at as bytes; the span covers exactly the objects' storage.
  return {reinterpret_cast<const uint8_t*>(values.data()), values.size_bytes()};
}

template <class T>
[[nodiscard]] std::span<const uint8_t> bytes_of(std::span<T> values) {
  return bytes_of(std::span<const T>(values));
}

template <class T>
  requires std::is_trivially_copyable_v<T>
[[nodiscard]] Result<void> write_object(Platform& platform, UserAddr address, const T& value) {
  return platform.write(address, bytes_of(std::span<const T>(&value, 1)));
}

template <class T>
  requires std::is_trivially_copyable_v<T>
[[nodiscard]] Result<T> read_object(const Platform& platform, UserAddr address) {
  uint8_t bytes[sizeof(T)];
  TRY(platform.read(address, bytes));
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

}  // namespace nacre::runtime
