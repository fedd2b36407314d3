// What a page table asks of its surroundings, and what it says of itself.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>

#include "nacre/base/core/address.hh"
#include "nacre/base/paging/format.hh"

namespace nacre::paging {

// Where tables come from and how they are reached.
template <class F>
concept FrameSource = requires(F& frames, PhysAddr frame) {
  // One zeroed, page-aligned frame.
  { frames.allocate_table() } noexcept -> std::same_as<std::optional<PhysAddr>>;
  // The hardware may still walk the frame until the next invalidation.
  { frames.free_table(frame) } noexcept -> std::same_as<void>;
  // kEntriesPerTable entries.
  { frames.table_at(frame) } noexcept -> std::same_as<Entry*>;
};

enum class MapError : uint8_t {
  OutOfFrames,
  AlreadyMapped,
  Misaligned,    // an address or size is not a multiple of the page size, or the size is 0
  NotCanonical,  // the range is not inside one half of the address space
};

// A source may keep a number for each of its tables: how many entries are valid. Tables are then known to be empty without
// a look at all of their entries, and walks end with a table's last valid entry.
template <class F>
concept EntryCounter = requires(F& frames, PhysAddr table, int32_t change) {
  // Adds to the number, 0 for a fresh table, and returns the new one.
  { frames.count_entries(table, change) } noexcept -> std::same_as<uint32_t>;
};

struct Translation {
  PhysAddr address;  // of the byte asked for
  Attributes attributes;
  ByteSize leaf_size;

  constexpr bool operator==(const Translation&) const = default;
};

}  // namespace nacre::paging
