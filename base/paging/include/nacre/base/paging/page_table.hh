// One walker and mapper for every page table: the loader's (MMU off, no heap), the kernel's, domains'.
//
// Invariants:
// - A linked table is never empty, except directly below the root in the upper half: those are
//   never freed, because the roots of other address spaces may share them.
// - An operation succeeds or leaves the translations as they were (large leaves may be split).
// - The mapper never fences. After unmap and protect the caller owes an invalidation before it
//   reuses frames; after map, at most a spurious fault can happen.
//
// `VirtAddr` here is any canonical address, of either half.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <optional>

#include "nacre/base/core/address.hh"
#include "nacre/base/paging/format.hh"
#include "nacre/base/paging/frame_source.hh"

namespace nacre::paging {

template <FrameSource Frames>
class PageTable {
 public:
  using Status = std::expected<void, MapError>;

  // Borrows `frames`; `root` is a zeroed or valid root table.
  PageTable(Frames& frames, Mode mode, PhysAddr root) noexcept
      : frames_(&frames), root_(root), mode_(mode) {}

  [[nodiscard]] Mode mode() const noexcept { return mode_; }
  [[nodiscard]] PhysAddr root() const noexcept { return root_; }

  // Maps [address, address + size) to the frames from `target` on, with the largest leaves that
  // fit. Fails with AlreadyMapped if any part of the range is mapped.
  [[nodiscard]] Status map(VirtAddr address, PhysAddr target, ByteSize size,
                           Attributes attributes) noexcept {
    if (!target.is_aligned(kPageSize)) return std::unexpected(MapError::Misaligned);
    if (Status checked = check_range(address, size); !checked) return checked;
    const Progress progress =
        map_in(root_, root_level(), address.value(), target.value(), size.bytes(), attributes);
    if (progress.done == size.bytes()) return {};
    // Only whole leaves of ours are removed here, so that nothing has to be split.
    unmap_in(root_, root_level(), address.value(), progress.done);
    return std::unexpected(progress.error);
  }

  // Removes what is mapped in the range and frees tables that become empty. Holes are skipped.
  // Fails only where a large leaf has to be split and no frame is left.
  [[nodiscard]] Status unmap(VirtAddr address, ByteSize size) noexcept {
    if (Status split = split_edges(address, size); !split) return split;
    unmap_in(root_, root_level(), address.value(), size.bytes());
    return {};
  }

  // Gives what is mapped in the range these attributes. Holes are skipped.
  [[nodiscard]] Status protect(VirtAddr address, ByteSize size, Attributes attributes) noexcept {
    if (Status split = split_edges(address, size); !split) return split;
    protect_in(frames_->table_at(root_), root_level(), address.value(), size.bytes(), attributes);
    return {};
  }

  // Splits large leaves until none crosses `address`, so that nothing that begins or ends there has to. Translations stay the
  // same. Fails with OutOfFrames.
  [[nodiscard]] Status split(VirtAddr address) noexcept { return split_at(address.value()); }

  [[nodiscard]] std::optional<Translation> query(VirtAddr address) const noexcept {
    if (!is_canonical(mode_, address.value())) return std::nullopt;
    const Entry* table = frames_->table_at(root_);
    for (unsigned level = root_level();; --level) {
      const Entry entry = table[table_index(address.value(), level)];
      if (entry.is_leaf()) {
        const uint64_t offset = address.value() & (span_of_level(level) - 1);
        return Translation{PhysAddr(entry.frame().value() + offset), entry.attributes(),
                           ByteSize(span_of_level(level))};
      }
      if (!entry.is_valid() || level == 0) return std::nullopt;
      table = frames_->table_at(entry.frame());
    }
  }

  // Makes sure that every root entry of an upper-half range points to a table, so that roots that
  // copy the upper half afterwards see every later mapping there.
  [[nodiscard]] Status prepare_upper(VirtAddr address, ByteSize size) noexcept {
    if (Status checked = check_range(address, size); !checked) return checked;
    Entry* root = frames_->table_at(root_);
    const unsigned last = table_index(address.value() + (size.bytes() - 1), root_level());
    for (unsigned i = table_index(address.value(), root_level()); i <= last; ++i) {
      if (root[i].is_valid()) continue;
      const std::optional<PhysAddr> frame = frames_->allocate_table();
      if (!frame) return std::unexpected(MapError::OutOfFrames);
      store(root[i], Entry::table(*frame));
    }
    return {};
  }

  // Shares the upper half of `other`: its tables, not copies of them.
  void share_upper_half(const PageTable& other) noexcept {
    Entry* to = frames_->table_at(root_);
    const Entry* from = other.frames_->table_at(other.root_);
    for (unsigned i = kEntriesPerTable / 2; i < kEntriesPerTable; ++i) store(to[i], from[i]);
  }

  // Unmaps the whole lower half and frees all of its tables; the root stays.
  void clear_lower_half() noexcept { unmap_in(root_, root_level(), 0, lower_half_end(mode_)); }

 private:
  struct Progress {
    uint64_t done;
    MapError error;  // meaningful if `done` is short
  };

  [[nodiscard]] unsigned root_level() const noexcept { return levels_of(mode_) - 1; }

  [[nodiscard]] Status check_range(VirtAddr address, ByteSize size) const noexcept {
    if (!address.is_aligned(kPageSize) || !size.is_page_aligned() || size.bytes() == 0) {
      return std::unexpected(MapError::Misaligned);
    }
    uint64_t last = 0;
    const bool wraps = __builtin_add_overflow(address.value(), size.bytes() - 1, &last);
    const bool lower = !wraps && last < lower_half_end(mode_);
    const bool upper = !wraps && address.value() >= upper_half_begin(mode_);
    if (!lower && !upper) return std::unexpected(MapError::NotCanonical);
    return {};
  }

  // Pairs with the hardware's walk (and a mapper of another hart): a table's contents are visible
  // before its link.
  static void store(Entry& slot, Entry value) noexcept {
    std::atomic_ref<Entry>(slot).store(value, std::memory_order_release);
  }

  void count(PhysAddr table, int32_t change) noexcept {
    if constexpr (EntryCounter<Frames>) frames_->count_entries(table, change);
  }
  [[nodiscard]] bool is_empty(PhysAddr frame) noexcept {
    if constexpr (EntryCounter<Frames>) {
      return frames_->count_entries(frame, 0) == 0;
    } else {
      const Entry* table = frames_->table_at(frame);
      for (unsigned i = 0; i < kEntriesPerTable; ++i) {
        if (table[i].is_valid()) return false;
      }
      return true;
    }
  }

  // Bytes of [address, address + size) that fall into the entry that `address` falls into.
  [[nodiscard]] static uint64_t chunk_of(uint64_t address, uint64_t size, uint64_t span) noexcept {
    const uint64_t rest = span - (address & (span - 1));
    return size < rest ? size : rest;
  }

  [[nodiscard]] bool may_be_shared(unsigned level, uint64_t address) const noexcept {
    return level == root_level() && address >= upper_half_begin(mode_);
  }

  // Pages of one level-0 table: all of them or none.
  Progress map_pages(PhysAddr frame, uint64_t address, uint64_t target, uint64_t size,
                     Attributes attributes) noexcept {
    Entry* const first = frames_->table_at(frame) + table_index(address, 0);
    const uint64_t pages = size >> kPageShift;
    for (uint64_t i = 0; i < pages; ++i) {
      if (first[i].is_valid()) return {0, MapError::AlreadyMapped};
    }
    // One fence for all: what the frames hold is visible before the entries.
    std::atomic_thread_fence(std::memory_order_release);
    for (uint64_t i = 0; i < pages; ++i) {
      const Entry entry = Entry::leaf(PhysAddr(target + (i << kPageShift)), attributes);
      std::atomic_ref<Entry>(first[i]).store(entry, std::memory_order_relaxed);
    }
    count(frame, static_cast<int32_t>(pages));
    return {size, MapError::AlreadyMapped};
  }

  Progress map_in(PhysAddr frame, unsigned level, uint64_t address, uint64_t target, uint64_t size,
                  Attributes attributes) noexcept {
    if (level == 0) return map_pages(frame, address, target, size, attributes);
    Entry* const table = frames_->table_at(frame);
    const uint64_t span = span_of_level(level);
    uint64_t done = 0;
    while (done < size) {
      const uint64_t at = address + done;
      const uint64_t chunk = chunk_of(at, size - done, span);
      Entry& slot = table[table_index(at, level)];
      const bool fits =
          chunk == span && level <= kMaxLeafLevel && ((target + done) & (span - 1)) == 0;
      if (slot.is_leaf()) return {done, MapError::AlreadyMapped};
      if (fits && !slot.is_valid()) {
        store(slot, Entry::leaf(PhysAddr(target + done), attributes));
        count(frame, 1);
        done += chunk;
        continue;
      }
      const bool created = !slot.is_valid();
      const std::optional<PhysAddr> child =
          created ? frames_->allocate_table() : std::optional(slot.frame());
      if (!child) return {done, MapError::OutOfFrames};
      const Progress progress = map_in(*child, level - 1, at, target + done, chunk, attributes);
      if (created && progress.done == 0) {
        frames_->free_table(*child);
      } else if (created) {
        store(slot, Entry::table(*child));
        count(frame, 1);
      }
      done += progress.done;
      if (progress.done < chunk) return {done, progress.error};
    }
    return {done, MapError::OutOfFrames};
  }

  void unmap_in(PhysAddr frame, unsigned level, uint64_t address, uint64_t size) noexcept {
    Entry* const table = frames_->table_at(frame);
    const uint64_t span = span_of_level(level);
    int32_t removed = 0;
    [[maybe_unused]] uint32_t valid = kEntriesPerTable;
    if constexpr (EntryCounter<Frames>) valid = frames_->count_entries(frame, 0);
    for (uint64_t done = 0, chunk = 0; done < size && valid != 0; done += chunk) {
      const uint64_t at = address + done;
      chunk = chunk_of(at, size - done, span);
      Entry& slot = table[table_index(at, level)];
      if (!slot.is_valid()) continue;
      if (slot.is_leaf()) {
        DEBUG_ASSERT(chunk == span);
        store(slot, Entry());
        ++removed;
        --valid;
        continue;
      }
      const PhysAddr child = slot.frame();
      unmap_in(child, level - 1, at, chunk);
      if (!may_be_shared(level, at) && is_empty(child)) {
        store(slot, Entry());
        frames_->free_table(child);
        ++removed;
        --valid;
      }
    }
    if (removed != 0) count(frame, -removed);
  }

  void protect_in(Entry* table, unsigned level, uint64_t address, uint64_t size,
                  Attributes attributes) noexcept {
    const uint64_t span = span_of_level(level);
    for (uint64_t done = 0, chunk = 0; done < size; done += chunk) {
      const uint64_t at = address + done;
      chunk = chunk_of(at, size - done, span);
      Entry& slot = table[table_index(at, level)];
      if (slot.is_leaf()) {
        DEBUG_ASSERT(chunk == span);
        store(slot, Entry::leaf(slot.frame(), attributes));
      } else if (slot.is_table()) {
        protect_in(frames_->table_at(slot.frame()), level - 1, at, chunk, attributes);
      }
    }
  }

  [[nodiscard]] Status split_edges(VirtAddr address, ByteSize size) noexcept {
    if (Status checked = check_range(address, size); !checked) return checked;
    if (Status split = split_at(address.value()); !split) return split;
    const uint64_t end = address.value() + size.bytes();  // 0 at the very top: nothing to split
    return is_canonical(mode_, end) ? split_at(end) : Status{};
  }

  // Splits large leaves until none crosses `address`. Translations stay the same.
  [[nodiscard]] Status split_at(uint64_t address) noexcept {
    Entry* table = frames_->table_at(root_);
    for (unsigned level = root_level(); level > 0; --level) {
      if ((address & (span_of_level(level) - 1)) == 0) return {};
      Entry& slot = table[table_index(address, level)];
      if (!slot.is_valid()) return {};
      if (slot.is_leaf()) {
        const std::optional<PhysAddr> frame = frames_->allocate_table();
        if (!frame) return std::unexpected(MapError::OutOfFrames);
        Entry* parts = frames_->table_at(*frame);
        for (unsigned i = 0; i < kEntriesPerTable; ++i) {
          const uint64_t offset = i * span_of_level(level - 1);
          parts[i] = Entry::leaf(PhysAddr(slot.frame().value() + offset), slot.attributes());
        }
        store(slot, Entry::table(*frame));
        count(*frame, kEntriesPerTable);
      }
      table = frames_->table_at(slot.frame());
    }
    return {};
  }

  Frames* frames_;
  PhysAddr root_;
  Mode mode_;
};

}  // namespace nacre::paging
