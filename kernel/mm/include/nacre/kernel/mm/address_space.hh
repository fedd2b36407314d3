// A domain's half of the address space: an ordered map of regions over memory objects, and the page
// table that follows them lazily. Nothing here costs time or memory by the size of a region: a
// reservation of 8 GiB is one map node.
//
// What is mapped separately is separated by never-mapped gaps; only the pieces that operations on ranges make of a region lie
// side by side. Of a region, only what is committed (reservations) or the whole (mappings) can ever be accessed; the rest
// faults as Guard. The first 64 KiB are never in a region.
//
// Placement: to share tables, a space picks one random window of 512 GiB (the whole half with
// Sv39), in it a random GiB for small regions, and places each region at random inside its window.
// When a window is full, a new one is picked.
//
// Everything a region needs (pages, object tables, page tables) is charged to the budget when it is
// reserved, mapped or committed, so a fault can run out of frames but never out of budget.
//
// All CPUs may use a space at any time; a lock makes every operation one. Nothing that is called
// under it suspends. Destroying a space ends its use, but for CPUs whose satp still says so: its root,
// empty then but for the kernel's half, lives until the last of them has left (SpaceRoot).
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "nacre/base/core/address.hh"
#include "nacre/base/core/error.hh"
#include "nacre/base/core/ref.hh"
#include "nacre/base/paging/page_table.hh"
#include "nacre/kernel/mm/budget.hh"
#include "nacre/kernel/mm/frame_allocator.hh"
#include "nacre/kernel/mm/lock.hh"
#include "nacre/kernel/mm/machine.hh"
#include "nacre/kernel/mm/memory_object.hh"
#include "nacre/kernel/mm/region.hh"
#include "nacre/kernel/mm/space_root.hh"
#include "nacre/kernel/mm/tlb.hh"

namespace nacre::mm {

enum class FaultAccess : uint8_t { Read, Write, Execute };

enum class FaultOutcome : uint8_t {
  Resolved,    // try again
  NoRegion,    // the address is in no region
  Guard,       // in a region, but in a part that is not committed
  Permission,  // mapped, but not for this access
  OutOfMemory,
};

class AddressSpace {
 public:
  static constexpr uint64_t kLowestAddress = 64 << 10;
  static constexpr ByteSize kGap = ByteSize::kib(64);  // at least this lies between regions
  static constexpr ByteSize kSmallRegion =
      ByteSize::mib(64);  // up to this a region goes to the small window

  [[nodiscard]] static Result<std::unique_ptr<AddressSpace>> create(Machine& machine,
                                                                    Ref<Budget> budget);
  ~AddressSpace();
  AddressSpace(const AddressSpace&) = delete;
  AddressSpace& operator=(const AddressSpace&) = delete;

  // The value for the satp register. CPUs switch to it by mm::activate (kernel_memory.hh).
  [[nodiscard]] uint64_t satp() const noexcept { return root_->satp(); }
  [[nodiscard]] uint16_t asid() const noexcept { return root_->asid(); }
  [[nodiscard]] const Ref<SpaceRoot>& root() const noexcept { return root_; }
  [[nodiscard]] const Budget& budget() const noexcept { return *budget_; }

  // ---- regions. Sizes are rounded up to pages; errors: OutOfMemory, LimitExceeded (budget),
  // InvalidArgument.

  // A region that faults on any access until parts of it are committed.
  [[nodiscard]] Result<UserAddr> reserve(ByteSize size);
  // Makes [address, address + size) of one reservation readable and writable, zero at first. What
  // is committed already stays as it is. No page is touched.
  [[nodiscard]] Result<void> commit(UserAddr address, ByteSize size);
  // Maps `size` bytes of an object, from page `first_page` on, at a random place.
  [[nodiscard]] Result<UserAddr> map(Ref<MemoryObject> object, uint64_t first_page, ByteSize size,
                                     Access access);
  // The same at a place of the caller's choice, which must be free: AlreadyExists.
  [[nodiscard]] Result<void> map_at(UserAddr address, Ref<MemoryObject> object, uint64_t first_page,
                                    ByteSize size, Access access);
  // Maps a private copy of a whole object, which is not to change any more; pages are copied when
  // they are first written.
  [[nodiscard]] Result<UserAddr> map_clone(Ref<MemoryObject> original, Access access);
  // Maps a private copy of `bytes`, padded with zeros, all of it present; ready for instruction
  // fetch if ReadExecute.
  [[nodiscard]] Result<UserAddr> publish(std::span<const uint8_t> bytes, Access access);
  // Changes what a whole mapping (not a reservation) may be used for.
  [[nodiscard]] Result<TlbFlush> protect(UserAddr region, Access access);
  // Removes a whole region. NotFound if none starts there.
  [[nodiscard]] Result<TlbFlush> unmap(UserAddr region);
  // unmap and discharge; panics if no region starts there.
  void release(UserAddr region);

  // ---- ranges: page-aligned, not empty, over any number of regions, which are cut where the range begins and ends inside one
  // and joined where they fit together. An error changes nothing; errors are those above (the books of the pieces are charged).

  // NotFound if a page of the range is in no region.
  [[nodiscard]] Result<TlbFlush> protect(UserAddr start, ByteSize size, Access access);
  // Pages that are in no region stay so.
  [[nodiscard]] Result<TlbFlush> unmap(UserAddr start, ByteSize size);
  // Forgets what the pages hold: they are zero again, or what the original of a clone holds. Their memory goes back to the
  // machine but stays charged, since it may come back. NotFound as of protect; InvalidArgument if a part belongs to an object
  // that is not the space's own.
  [[nodiscard]] Result<TlbFlush> discard(UserAddr start, ByteSize size);
  // Makes present what can be accessed of the range, with large pages where they fit and memory is plenty. NotFound as of
  // protect. After OutOfMemory a part is present.
  [[nodiscard]] Result<void> populate(UserAddr start, ByteSize size);

  // ---- faults
  [[nodiscard]] FaultOutcome fault(UserAddr address, FaultAccess access) noexcept;

  // ---- the kernel's access, through the objects and the direct map. Errors: PermissionDenied (any
  // byte not accessible to the guest in this way; nothing was copied then), OutOfMemory.
  [[nodiscard]] Result<void> read(UserAddr address, std::span<uint8_t> out) const;
  [[nodiscard]] Result<void> write(UserAddr address, std::span<const uint8_t> bytes);
  [[nodiscard]] Result<void> zero(UserAddr address, ByteSize size);
  // Calls use(std::span<const uint8_t>) for each piece of the range, in order, without copying; the
  // spans are valid until the next change of the space. `use` runs under the space's lock: it must
  // not call the space.
  template <std::invocable<std::span<const uint8_t>> F>
  [[nodiscard]] Result<void> visit(UserAddr address, ByteSize size, F&& use) const;

  // ---- for logs and tests
  struct RegionInfo {
    UserAddr start;
    ByteSize size;
    bool reservation;
    Access access;
    ByteSize committed;
  };
  [[nodiscard]] std::optional<RegionInfo> region_at(UserAddr address) const;
  // All of them, by address.
  [[nodiscard]] std::vector<RegionInfo> list_regions() const;
  [[nodiscard]] size_t region_count() const noexcept {
    const LockGuard guard(lock_);
    return regions_.size();
  }
  [[nodiscard]] std::optional<paging::Translation> translation(UserAddr address) const noexcept;

 private:
  using Kind = RegionKind;
  // Tables come from the frame allocator, and wait in retired_ after they were unlinked.
  class TableFrames {
   public:
    explicit TableFrames(FrameAllocator& frames) noexcept : frames_(frames) {}
    std::optional<PhysAddr> allocate_table() noexcept;
    void free_table(PhysAddr frame) noexcept;
    paging::Entry* table_at(PhysAddr frame) noexcept {
      return frames_.direct_map().pointer<paging::Entry>(frame);
    }
    // How many entries of a table are valid stands in its FrameInfo.
    uint32_t count_entries(PhysAddr frame, int32_t change) noexcept {
      uint32_t& count = frames_.info(frame).owner;
      count += static_cast<uint32_t>(change);
      return count;
    }
    // The retired frames, as a list through FrameInfo::next.
    [[nodiscard]] uint32_t take_retired() noexcept {
      return std::exchange(retired_, FrameInfo::kNone);
    }

   private:
    FrameAllocator& frames_;
    uint32_t retired_ = FrameInfo::kNone;
  };
  struct Window {
    uint64_t start = 0;
    uint64_t size = 0;  // 0: not chosen yet
  };
  using Regions = std::map<uint64_t, Region>;  // by start address

  AddressSpace(Machine& machine, Ref<Budget> budget, Charge charge, Ref<SpaceRoot> root) noexcept;

  // address_space.cc
  [[nodiscard]] static RegionInfo describe(const Region& region);
  [[nodiscard]] const Region* region_of(UserAddr address) const noexcept REQUIRES(lock_);
  [[nodiscard]] Result<void> check_placement(UserAddr address, ByteSize size) const REQUIRES(lock_);
  [[nodiscard]] Result<void> insert(Region region) REQUIRES(lock_);
  [[nodiscard]] ByteSize cost_of(const Region& region,
                                 std::span<const PageInterval> accessible) const noexcept;
  [[nodiscard]] Result<void> commit_pages(Region& region, PageInterval added) REQUIRES(lock_);
  [[nodiscard]] Result<void> add_mapping(UserAddr start, Ref<MemoryObject> object,
                                         uint64_t first_page, uint64_t pages, Access access,
                                         Kind kind = Kind::Shared) REQUIRES(lock_);
  [[nodiscard]] bool map_all(const Region& region) noexcept REQUIRES(lock_);
  void unmap_pages(const Region& region) noexcept REQUIRES(lock_);
  [[nodiscard]] TlbFlush remove(Regions::iterator position) REQUIRES(lock_);
  void free_retired_now() noexcept REQUIRES(lock_);

  // ranges.cc
  struct Cut;
  enum class Fate : uint8_t { Kept, Removed };
  [[nodiscard]] static Result<void> check_range(UserAddr start, ByteSize size);
  [[nodiscard]] Result<void> check_coverage(uint64_t begin, uint64_t end) const REQUIRES(lock_);
  [[nodiscard]] Regions::iterator first_region_in(uint64_t begin) noexcept REQUIRES(lock_);
  [[nodiscard]] Result<void> cut_at(uint64_t address, Cut& cut) REQUIRES(lock_);
  void undo(Cut& cut) noexcept REQUIRES(lock_);
  [[nodiscard]] Result<void> cut_out(uint64_t begin, uint64_t end, Fate fate) REQUIRES(lock_);
  [[nodiscard]] Result<void> settle(std::span<const Cut> cuts, uint64_t begin, uint64_t end,
                                    Fate fate) REQUIRES(lock_);
  [[nodiscard]] Result<void> split_leaves(uint64_t begin, uint64_t end) noexcept REQUIRES(lock_);
  void join_around(uint64_t begin, uint64_t end) noexcept REQUIRES(lock_);
  [[nodiscard]] bool try_join(Region& region, Region& behind) noexcept REQUIRES(lock_);
  void change_access(Region& region, Access access) noexcept REQUIRES(lock_);
  [[nodiscard]] Result<void> populate_interval(const Region& region, PageInterval pages) noexcept
      REQUIRES(lock_);
  [[nodiscard]] TlbFlush flush_of(UserAddr start, ByteSize size) noexcept REQUIRES(lock_);

  // placement.cc
  // At a multiple of `alignment`, a power of two, at least.
  [[nodiscard]] Result<UserAddr> place(ByteSize size, uint64_t alignment = kPageSize)
      REQUIRES(lock_);
  [[nodiscard]] Window pick_window(Window inside, uint64_t size) noexcept;
  [[nodiscard]] std::optional<UserAddr> place_in(Window window, uint64_t size,
                                                 uint64_t alignment) noexcept REQUIRES(lock_);
  [[nodiscard]] std::optional<UserAddr> place_in_gap(Window window, uint64_t size,
                                                     uint64_t alignment) noexcept REQUIRES(lock_);
  [[nodiscard]] bool is_free(uint64_t start, uint64_t size) const noexcept REQUIRES(lock_);
  [[nodiscard]] uint64_t random_below(uint64_t bound) noexcept;

  // access.cc
  template <std::invocable<std::span<const uint8_t>> F>
  [[nodiscard]] Result<void> visit_locked(UserAddr address, ByteSize size, F&& use) const
      REQUIRES(lock_);
  [[nodiscard]] PageRun unmapped_part(const Region& region, PageRun run,
                                      uint64_t wanted) const noexcept REQUIRES(lock_);
  [[nodiscard]] bool map_run(const Region& region, PageRun run, uint64_t wanted) noexcept
      REQUIRES(lock_);
  // The region in which a range (not empty) begins if all of it may be accessed in this way, or nullptr.
  [[nodiscard]] const Region* accessible_region(UserAddr address, uint64_t size,
                                                FaultAccess access) const noexcept REQUIRES(lock_);
  // The region of an offset that may be the region's end, where the next one begins.
  [[nodiscard]] const Region& step(const Region& region, uint64_t& offset) const noexcept
      REQUIRES(lock_);
  [[nodiscard]] static Result<void> denied();
  // A page of the region in the direct map, nullptr if it is not present.
  [[nodiscard]] uint8_t* bytes_of(const Region& region, uint64_t page) const noexcept;
  [[nodiscard]] uint8_t* find_present(UserAddr address, uint64_t size,
                                      FaultAccess access) const noexcept REQUIRES(lock_);
  [[nodiscard]] Result<void> read_slow(UserAddr address, std::span<uint8_t> out) const
      REQUIRES(lock_);
  [[nodiscard]] Result<void> write_slow(UserAddr address, std::span<const uint8_t> bytes)
      REQUIRES(lock_);
  // The same for a page that is about to be written: nullptr if there is no frame for it.
  [[nodiscard]] uint8_t* bytes_for_writing(const Region& region, uint64_t page) noexcept
      REQUIRES(lock_);

  Machine& machine_;
  Ref<Budget> budget_;
  Charge base_charge_;  // the root table
  Ref<SpaceRoot> root_;
  mutable Lock lock_{LockRank::AddressSpace};
  TableFrames tables_ GUARDED_BY(lock_);
  paging::PageTable<TableFrames> table_ GUARDED_BY(lock_);
  Regions regions_ GUARDED_BY(lock_);  // by start address
  // The last one that region_of found.
  mutable const Region* recent_ GUARDED_BY(lock_) = nullptr;
  Window large_ GUARDED_BY(lock_);
  Window small_ GUARDED_BY(lock_);
};

// A page of zeros, for reading what is not present.
[[nodiscard]] std::span<const uint8_t, kPageSize> zero_page() noexcept;

template <std::invocable<std::span<const uint8_t>> F>
Result<void> AddressSpace::visit(UserAddr address, ByteSize size, F&& use) const {
  const LockGuard guard(lock_);
  return visit_locked(address, size, std::forward<F>(use));
}

template <std::invocable<std::span<const uint8_t>> F>
Result<void> AddressSpace::visit_locked(UserAddr address, ByteSize size, F&& use) const {
  uint64_t left = size.bytes();
  if (left == 0) return {};
  const Region* region = accessible_region(address, left, FaultAccess::Read);
  if (region == nullptr) return denied();
  uint64_t offset = address.value() - region->start.value();
  while (left != 0) {
    const uint64_t in_page = offset & (kPageSize - 1);
    const uint64_t count = left < kPageSize - in_page ? left : kPageSize - in_page;
    region = &step(*region, offset);
    const uint8_t* page = bytes_of(*region, offset >> kPageShift);
    if (page == nullptr) page = zero_page().data();
    use(std::span<const uint8_t>(page + in_page, count));
    offset += count;
    left -= count;
  }
  return {};
}

}  // namespace nacre::mm
