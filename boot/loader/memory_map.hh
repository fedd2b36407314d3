// What each page of memory is for, as the loader works it out: memory nodes are added as Usable, then painted over with
// what lies in them. Later paint wins.
//
// Invariant: regions() is sorted, disjoint, page-aligned, and neighbours of one kind are joined.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "nacre/abi/boot_info.hh"
#include "nacre/base/fdt/tree.hh"

namespace nacre::loader {

enum class PaintStatus : uint8_t { Done, TooManyRegions };

class MemoryMap {
 public:
  static constexpr size_t kMaxRegions = abi::BootInfo::kMaxRegions;

  // Whole pages inside [base, base + size) become Usable.
  [[nodiscard]] PaintStatus add_memory(uint64_t base, uint64_t size);
  // Every page that [base, base + size) touches, as far as it is memory, gets this kind.
  [[nodiscard]] PaintStatus paint(uint64_t base, uint64_t size, abi::MemoryKind kind);

  [[nodiscard]] std::span<const abi::MemoryRegion> regions() const {
    return std::span(regions_).first(count_);
  }
  // Whether each byte is memory, and none of it of this kind. Of nothing at all it is true.
  [[nodiscard]] bool holds(const abi::Range& range, abi::MemoryKind but_not) const;
  // The largest Usable region.
  [[nodiscard]] std::optional<abi::MemoryRegion> largest_usable() const;

 private:
  void join_neighbours();

  // Painting splits at most two regions before it joins: room for that.
  std::array<abi::MemoryRegion, kMaxRegions + 2> regions_{};
  size_t count_ = 0;
};

// Memory nodes and firmware's reservations of a device tree. TooManyRegions if they do not fit.
[[nodiscard]] PaintStatus describe_memory(const fdt::Tree& tree, MemoryMap& map);
// The reservations alone.
[[nodiscard]] PaintStatus paint_reservations(const fdt::Tree& tree, MemoryMap& map);

// The initrd's exact bytes (/chosen linux,initrd-start and -end); size 0 if there is none.
[[nodiscard]] abi::Range find_initrd(const fdt::Tree& tree);

}  // namespace nacre::loader
