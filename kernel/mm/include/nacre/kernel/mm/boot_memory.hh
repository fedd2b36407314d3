// Which physical memory is free while there is no allocator: a sorted list of ranges, from which
// early users cut pieces.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "nacre/base/core/address.hh"

namespace nacre::mm {

struct MemoryRange {
  PhysAddr start;
  ByteSize size;

  [[nodiscard]] constexpr PhysAddr end() const { return start + size; }
  constexpr bool operator==(const MemoryRange&) const = default;
};

class BootMemory {
 public:
  static constexpr size_t kMaxRanges = 64;

  constexpr BootMemory() = default;

  // Makes a range free; only its whole pages count. Panics beyond kMaxRanges or if it overlaps a
  // free one.
  void add(MemoryRange range);
  // Takes a range (and every page it touches) away, whether free or not.
  void reserve(MemoryRange range);
  // Cuts a page-aligned piece from the highest free range that has room: low addresses stay for
  // devices.
  [[nodiscard]] std::optional<PhysAddr> allocate(ByteSize size, uint64_t alignment = kPageSize);

  // The free ranges, ascending, disjoint, page-aligned.
  [[nodiscard]] std::span<const MemoryRange> free_ranges() const {
    return {ranges_.data(), count_};
  }
  // Forgets everything: an allocator has taken over.
  void clear() { count_ = 0; }

 private:
  void insert(size_t position, MemoryRange range);
  void erase(size_t position);

  std::array<MemoryRange, kMaxRanges> ranges_{};
  size_t count_ = 0;
};

}  // namespace nacre::mm
