// Addresses and sizes that cannot be mixed up. Arithmetic that leaves 64 bits is a bug and panics; code that
// handles a guest's or a file's numbers uses the checked_… functions instead.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>

#include "nacre/base/core/format.hh"
#include "nacre/base/core/panic.hh"

namespace nacre {

inline constexpr uint64_t kPageShift = 12;
inline constexpr uint64_t kPageSize = uint64_t{1} << kPageShift;

// A count of bytes.
class ByteSize {
 public:
  constexpr ByteSize() = default;
  constexpr explicit ByteSize(uint64_t bytes) : bytes_(bytes) {}
  static constexpr ByteSize kib(uint64_t n) { return ByteSize(n << 10); }
  static constexpr ByteSize mib(uint64_t n) { return ByteSize(n << 20); }
  static constexpr ByteSize gib(uint64_t n) { return ByteSize(n << 30); }
  static constexpr ByteSize pages(uint64_t n) { return ByteSize(n << kPageShift); }

  [[nodiscard]] constexpr uint64_t bytes() const { return bytes_; }
  // Pages needed to hold this many bytes.
  [[nodiscard]] constexpr uint64_t pages_up() const {
    return (bytes_ >> kPageShift) + ((bytes_ & (kPageSize - 1)) != 0 ? 1 : 0);
  }
  [[nodiscard]] constexpr bool is_page_aligned() const { return (bytes_ & (kPageSize - 1)) == 0; }
  constexpr auto operator<=>(const ByteSize&) const = default;

 private:
  uint64_t bytes_ = 0;
};

[[nodiscard]] constexpr ByteSize operator+(ByteSize a, ByteSize b) {
  uint64_t sum = 0;
  ASSERT(!__builtin_add_overflow(a.bytes(), b.bytes(), &sum));
  return ByteSize(sum);
}
[[nodiscard]] constexpr ByteSize operator-(ByteSize a, ByteSize b) {
  ASSERT(a.bytes() >= b.bytes());
  return ByteSize(a.bytes() - b.bytes());
}

// One implementation for the three address spaces; the tag keeps them apart.
template <class Tag>
class Address {
 public:
  constexpr Address() = default;
  constexpr explicit Address(uint64_t value) : value_(value) {}

  [[nodiscard]] constexpr uint64_t value() const { return value_; }
  [[nodiscard]] constexpr bool is_null() const { return value_ == 0; }
  [[nodiscard]] constexpr bool is_aligned(uint64_t alignment) const {
    return (value_ & (alignment - 1)) == 0;
  }
  [[nodiscard]] constexpr Address align_down(uint64_t alignment) const {
    return Address(value_ & ~(alignment - 1));
  }
  [[nodiscard]] constexpr Address align_up(uint64_t alignment) const {
    uint64_t sum = 0;
    ASSERT(!__builtin_add_overflow(value_, alignment - 1, &sum));
    return Address(sum & ~(alignment - 1));
  }
  [[nodiscard]] constexpr std::optional<Address> checked_add(ByteSize size) const {
    uint64_t sum = 0;
    if (__builtin_add_overflow(value_, size.bytes(), &sum)) return std::nullopt;
    return Address(sum);
  }
  constexpr auto operator<=>(const Address&) const = default;

  friend constexpr Address operator+(Address a, ByteSize size) {
    uint64_t sum = 0;
    ASSERT(!__builtin_add_overflow(a.value_, size.bytes(), &sum));
    return Address(sum);
  }
  friend constexpr Address operator-(Address a, ByteSize size) {
    ASSERT(a.value_ >= size.bytes());
    return Address(a.value_ - size.bytes());
  }
  // The distance from `b` up to `a`.
  friend constexpr ByteSize operator-(Address a, Address b) {
    ASSERT(a.value_ >= b.value_);
    return ByteSize(a.value_ - b.value_);
  }
  friend void format_value(FormatSink& sink, const Address& address) {
    format_to(sink, "0x{:x}", address.value_);
  }

 private:
  uint64_t value_ = 0;
};

using PhysAddr = Address<struct PhysTag>;
using VirtAddr = Address<struct VirtTag>;  // in the kernel's half
using UserAddr = Address<struct UserTag>;  // in a domain's half

// Dense index of a hardware thread, 0 ≤ value < number of harts. Never the SBI hart id.
struct CpuId {
  uint32_t value = 0;
  constexpr auto operator<=>(const CpuId&) const = default;
};
// The id that firmware and the device tree use; may be sparse.
struct HartId {
  uint64_t value = 0;
  constexpr auto operator<=>(const HartId&) const = default;
};

}  // namespace nacre
