// A guest's linear memory as the WASI functions see it: every access is checked, nothing is ever a
// pointer. The runtime's memory is adapted to it (engine/wasi/binding); tests bring their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

namespace nacre::wasi {

class GuestMemory {
 public:
  virtual ~GuestMemory() = default;

  // Addresses and sizes come straight from the guest. A range that was inside stays inside:
  // memories never shrink.
  [[nodiscard]] virtual bool contains(uint64_t address, uint64_t size) const = 0;
  // False if the range is not inside the memory; then nothing was copied.
  [[nodiscard]] virtual bool read(uint64_t address, std::span<uint8_t> out) const = 0;
  [[nodiscard]] virtual bool write(uint64_t address, std::span<const uint8_t> bytes) = 0;

  [[nodiscard]] bool write_text(uint64_t address, std::string_view text);

  // Little-endian integers at any alignment.
  template <class T>
    requires std::is_unsigned_v<T>
  [[nodiscard]] bool load(uint64_t address, T& out) const {
    uint8_t bytes[sizeof(T)];
    if (!read(address, bytes)) return false;
    out = 0;
    for (size_t i = 0; i < sizeof(T); ++i) out = static_cast<T>(out | (T{bytes[i]} << (8 * i)));
    return true;
  }
  template <class T>
    requires std::is_unsigned_v<T>
  [[nodiscard]] bool store(uint64_t address, T value) {
    uint8_t bytes[sizeof(T)];
    for (size_t i = 0; i < sizeof(T); ++i) bytes[i] = static_cast<uint8_t>(value >> (8 * i));
    return write(address, bytes);
  }
};

// A struct on its way to or from the guest: fixed size, fields at given offsets, zero elsewhere.
template <size_t kSize>
class Layout {
 public:
  template <class T>
    requires std::is_unsigned_v<T>
  Layout& put(size_t offset, T value) {
    for (size_t i = 0; i < sizeof(T); ++i) {
      bytes_[offset + i] = static_cast<uint8_t>(uint64_t{value} >> (8 * i));
    }
    return *this;
  }
  template <class T>
    requires std::is_unsigned_v<T>
  [[nodiscard]] T get(size_t offset) const {
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof(T); ++i) value |= uint64_t{bytes_[offset + i]} << (8 * i);
    return static_cast<T>(value);
  }
  [[nodiscard]] std::span<const uint8_t> bytes() const { return bytes_; }
  [[nodiscard]] std::span<uint8_t> bytes() { return bytes_; }

 private:
  uint8_t bytes_[kSize] = {};
};

}  // namespace nacre::wasi
