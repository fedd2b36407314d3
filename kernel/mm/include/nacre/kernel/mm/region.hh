// A region of an address space: pages side by side that are mapped from one object with one permission. Regions are cut where
// an operation on a range begins or ends inside one, and joined again where two fit together.
#pragma once

#include <cstdint>
#include <vector>

#include "nacre/base/core/address.hh"
#include "nacre/base/core/ref.hh"
#include "nacre/base/paging/format.hh"
#include "nacre/kernel/mm/budget.hh"
#include "nacre/kernel/mm/memory_object.hh"

namespace nacre::mm {

using paging::Access;

// Pages [begin, end), relative to a region's start.
struct PageInterval {
  uint64_t begin;
  uint64_t end;

  [[nodiscard]] uint64_t count() const noexcept { return end - begin; }
};

enum class RegionKind : uint8_t {
  Reservation,  // over an AnonymousObject of its own that grows with the commits
  Private,      // published bytes or a clone, over an object of its own
  Shared,       // over somebody else's object; its pages are not charged here
};

struct Region {
  UserAddr start;
  ByteSize size;
  RegionKind kind = RegionKind::Shared;
  Access access = Access::ReadWrite;
  // Other regions may map other pages of the object, if that is the space's own.
  bool was_cut = false;
  Ref<MemoryObject> object;
  AnonymousObject* anonymous = nullptr;  // the same object, unless Shared or a clone
  uint64_t first_page = 0;               // of the object
  std::vector<PageInterval> accessible;  // ascending, disjoint, not adjacent
  Charge charge;

  [[nodiscard]] uint64_t end() const noexcept { return start.value() + size.bytes(); }
  [[nodiscard]] bool holds(uint64_t address) const noexcept {
    return address - start.value() < size.bytes();
  }
  [[nodiscard]] UserAddr address_of(uint64_t page) const noexcept {
    return start + ByteSize::pages(page);
  }
  // Whether its memory is nobody else's.
  [[nodiscard]] bool owns_pages() const noexcept { return kind != RegionKind::Shared; }
  // The interval that holds a page of the region, or nullptr.
  [[nodiscard]] const PageInterval* interval_of(uint64_t page) const noexcept {
    for (const PageInterval& interval : accessible) {
      if (page < interval.end) return page >= interval.begin ? &interval : nullptr;
    }
    return nullptr;
  }

  // Whether `behind` goes on where this one ends, so that the two can be one.
  [[nodiscard]] bool is_continued_by(const Region& behind) const noexcept {
    return behind.start.value() == end() && behind.object.get() == object.get() &&
           behind.kind == kind && behind.access == access &&
           behind.first_page == first_page + size.pages_up();
  }
};

}  // namespace nacre::mm
