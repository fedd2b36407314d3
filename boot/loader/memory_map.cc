#include "memory_map.hh"

#include <algorithm>

#include "nacre/base/core/address.hh"

namespace nacre::loader {
namespace {

using abi::MemoryKind;
using abi::MemoryRegion;

constexpr uint64_t kPageMask = kPageSize - 1;

// End of [base, base + size), cut off at the last whole page of the address space.
uint64_t end_of(uint64_t base, uint64_t size) {
  uint64_t end = 0;
  if (__builtin_add_overflow(base, size, &end)) end = ~uint64_t{0};
  return std::min(end, ~kPageMask);
}

uint64_t end_of(const MemoryRegion& region) {
  return region.base + region.size;
}

}  // namespace

PaintStatus MemoryMap::add_memory(uint64_t base, uint64_t size) {
  uint64_t begin = base;
  if (__builtin_add_overflow(base, kPageMask, &begin)) return PaintStatus::Done;
  begin &= ~kPageMask;
  const uint64_t end = end_of(base, size) & ~kPageMask;
  if (begin >= end) return PaintStatus::Done;
  // What overlaps memory that is already known is cut off, so that regions stay disjoint.
  size_t position = 0;
  uint64_t at = begin;
  while (at < end) {
    while (position < count_ && end_of(regions_[position]) <= at) ++position;
    const bool none_left = position == count_;
    if (!none_left && regions_[position].base <= at) {
      at = end_of(regions_[position]);
      continue;
    }
    const uint64_t stop = none_left ? end : std::min(end, regions_[position].base);
    if (count_ >= kMaxRegions) return PaintStatus::TooManyRegions;
    std::copy_backward(regions_.begin() + position, regions_.begin() + count_,
                       regions_.begin() + count_ + 1);
    regions_[position] = {at, stop - at, MemoryKind::Usable, 0};
    ++count_;
    at = stop;
  }
  join_neighbours();
  return PaintStatus::Done;
}

PaintStatus MemoryMap::paint(uint64_t base, uint64_t size, MemoryKind kind) {
  if (size == 0) return PaintStatus::Done;
  const uint64_t begin = base & ~kPageMask;
  const uint64_t last = end_of(base, size);
  const uint64_t end = (last + kPageMask) & ~kPageMask;
  for (size_t i = 0; i < count_; ++i) {
    const MemoryRegion old = regions_[i];
    const uint64_t from = std::max(begin, old.base);
    const uint64_t to = std::min(end, end_of(old));
    if (from >= to || old.kind == kind) continue;
    // Up to three pieces take the old one's place.
    std::array<MemoryRegion, 3> pieces{};
    size_t n = 0;
    if (old.base < from) pieces[n++] = {old.base, from - old.base, old.kind, 0};
    pieces[n++] = {from, to - from, kind, 0};
    if (to < end_of(old)) pieces[n++] = {to, end_of(old) - to, old.kind, 0};
    if (count_ + n - 1 > regions_.size()) return PaintStatus::TooManyRegions;
    std::copy_backward(regions_.begin() + i + 1, regions_.begin() + count_,
                       regions_.begin() + count_ + n - 1);
    std::copy_n(pieces.begin(), n, regions_.begin() + i);
    count_ += n - 1;
    i += n - 1;
  }
  join_neighbours();
  return count_ > kMaxRegions ? PaintStatus::TooManyRegions : PaintStatus::Done;
}

void MemoryMap::join_neighbours() {
  size_t kept = 0;
  for (size_t i = 0; i < count_; ++i) {
    const MemoryRegion next = regions_[i];
    if (kept > 0 && end_of(regions_[kept - 1]) == next.base &&
        regions_[kept - 1].kind == next.kind) {
      regions_[kept - 1].size += next.size;
    } else {
      regions_[kept++] = next;
    }
  }
  count_ = kept;
}

bool MemoryMap::holds(const abi::Range& range, MemoryKind but_not) const {
  uint64_t end = 0;
  if (__builtin_add_overflow(range.begin, range.size, &end)) return false;
  uint64_t at = range.begin;
  for (const MemoryRegion& region : regions()) {
    if (at >= end) break;
    if (at < region.base) return false;
    if (at >= end_of(region)) continue;
    if (region.kind == but_not) return false;
    at = end_of(region);
  }
  return at >= end;
}

std::optional<MemoryRegion> MemoryMap::largest_usable() const {
  std::optional<MemoryRegion> best;
  for (const MemoryRegion& region : regions()) {
    if (region.kind != MemoryKind::Usable) continue;
    if (!best || region.size > best->size) best = region;
  }
  return best;
}

PaintStatus describe_memory(const fdt::Tree& tree, MemoryMap& map) {
  const fdt::Node root = tree.root();
  for (auto node = root.first_child(); node; node = node->next_sibling()) {
    const auto type = node->property("device_type");
    if (!type || type->as_string() != "memory" || !node->is_enabled()) continue;
    for (size_t i = 0; const auto region = node->region(i); ++i) {
      if (map.add_memory(region->address, region->size) != PaintStatus::Done) {
        return PaintStatus::TooManyRegions;
      }
    }
  }
  return paint_reservations(tree, map);
}

PaintStatus paint_reservations(const fdt::Tree& tree, MemoryMap& map) {
  for (size_t i = 0; const auto region = tree.reservation(i); ++i) {
    if (map.paint(region->address, region->size, MemoryKind::Firmware) != PaintStatus::Done) {
      return PaintStatus::TooManyRegions;
    }
  }
  const auto reserved = tree.root().child("reserved-memory");
  for (auto node = reserved ? reserved->first_child() : std::nullopt; node;
       node = node->next_sibling()) {
    for (size_t i = 0; const auto region = node->region(i); ++i) {
      if (map.paint(region->address, region->size, MemoryKind::Firmware) != PaintStatus::Done) {
        return PaintStatus::TooManyRegions;
      }
    }
  }
  return PaintStatus::Done;
}

abi::Range find_initrd(const fdt::Tree& tree) {
  const auto chosen = tree.find("/chosen");
  if (!chosen) return {};
  const auto begin = chosen->property("linux,initrd-start");
  const auto end = chosen->property("linux,initrd-end");
  if (!begin || !end) return {};
  const uint64_t first = begin->as_number().value_or(0);
  const uint64_t last = end->as_number().value_or(0);
  return last > first ? abi::Range{first, last - first} : abi::Range{};
}

}  // namespace nacre::loader
