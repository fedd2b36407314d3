// Physical memory by the frame: a binary buddy allocator with a cache of single frames per CPU in
// front.
//
// A block of order n is 2^n frames, aligned to its size (up to 2 MiB relative to physical 0, beyond
// that relative to the first frame). Free blocks of an order form a list through the frame table,
// which has one FrameInfo for each frame between the first and the last usable one; holes are
// Reserved for ever. A freed block joins its buddy as long as that is free and whole.
//
// States of a FrameInfo (of a block's first frame; the others of the block are Inside):
//   Reserved                                 never ours
//   Free → Used by allocate, Used → Free by free
//   Free → Cached → Used → Cached            single frames that pass through a CPU's cache
//   Used ↔ Slab, Large                       set by the heap for the frames it owns
//
// All CPUs may call at any time. A CPU's cache has a lock of its own, which nobody else wants unless
// memory is short: whoever finds no block brings the caches of all CPUs back, so that what they hold
// coalesces, and looks again.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <span>

#include "nacre/base/core/address.hh"
#include "nacre/kernel/mm/boot_memory.hh"
#include "nacre/kernel/mm/direct_map.hh"
#include "nacre/kernel/mm/lock.hh"

namespace nacre::mm {

// Inside is 0: a table of zeros is what most frames need.
enum class FrameState : uint8_t { Inside, Reserved, Free, Cached, Used, Slab, Large };

// A FrameInfo's state. A frame's owner changes it without a lock while others look at it to see
// whether it is a free buddy; they act on nothing but Free, which only the free lists' lock makes and unmakes.
class SharedFrameState {
 public:
  bool operator==(FrameState state) const noexcept {
    return state_.load(std::memory_order_relaxed) == state;
  }
  SharedFrameState& operator=(FrameState state) noexcept {
    state_.store(state, std::memory_order_relaxed);
    return *this;
  }

 private:
  std::atomic<FrameState> state_{FrameState::Inside};
};

// One per frame; 16 bytes, 0.4 % of memory. Indices are frame numbers relative to the first frame.
struct FrameInfo {
  static constexpr uint32_t kNone = ~uint32_t{0};

  uint32_t next = 0;  // links of the list that the block is on; free for the owner while Used
  uint32_t previous = 0;
  uint32_t owner = 0;  // heap: first frame of the slab, or pages of a large allocation
  SharedFrameState state;
  uint8_t order = 0;
  uint8_t slab_class = 0;  // heap: size class + 1; 0 outside slabs
  uint8_t unused = 0;
};
static_assert(sizeof(FrameInfo) == 16);

enum class Zeroing : uint8_t { AsIs, Zeroed };

struct FrameCounts {
  uint64_t total = 0;   // frames that were ever usable
  uint64_t free = 0;    // in the free lists
  uint64_t cached = 0;  // in the CPUs' caches
  [[nodiscard]] uint64_t used() const { return total - free - cached; }
};

class FrameAllocator {
 public:
  static constexpr unsigned kMaxOrder = 18;  // 1 GiB
  static constexpr unsigned kMaxCpus = 64;

  constexpr FrameAllocator() = default;
  FrameAllocator(const FrameAllocator&) = delete;
  FrameAllocator& operator=(const FrameAllocator&) = delete;

  // Takes over everything that `memory` has left. `covered` is all that may ever be added;
  // `current_cpu` gives the dense index of the caller's CPU.
  void init(BootMemory& memory, MemoryRange covered, DirectMap direct_map,
            uint32_t (*current_cpu)() noexcept);

  // 2^order frames, physically contiguous.
  [[nodiscard]] std::optional<PhysAddr> allocate(unsigned order = 0,
                                                 Zeroing zeroing = Zeroing::AsIs) noexcept;
  // The same for a block that is better to have but not needed: only while a quarter of the memory stays free, and without
  // taking back what the CPUs' caches hold.
  [[nodiscard]] std::optional<PhysAddr> allocate_spare(unsigned order, Zeroing zeroing) noexcept;
  // A block as it was allocated.
  void free(PhysAddr frame, unsigned order = 0) noexcept;
  // Makes a block single frames, each to be freed alone.
  void split(PhysAddr frame, unsigned order) noexcept;
  // A single frame that holds zeros only, as a page table does in the end: whoever wants zeros next on this CPU may get it
  // without clearing.
  void free_zeroed(PhysAddr frame) noexcept;

  // Any number of contiguous frames (at most 2^kMaxOrder); what the block has too much goes back at
  // once.
  [[nodiscard]] std::optional<PhysAddr> allocate_run(uint64_t pages) noexcept;
  void free_run(PhysAddr frame, uint64_t pages) noexcept;

  // Hands memory over that was not usable at first (the loader's, the initrd's). Whole frames.
  void add(MemoryRange range) noexcept;

  // Empties the caches of all CPUs.
  void drain_caches() noexcept;
  [[nodiscard]] FrameCounts counts() const noexcept;

  [[nodiscard]] const DirectMap& direct_map() const noexcept { return direct_map_; }
  // Of a frame between the first and the last.
  [[nodiscard]] FrameInfo& info(PhysAddr frame) noexcept { return infos_[index_of(frame)]; }
  [[nodiscard]] FrameInfo* infos() noexcept { return infos_; }
  [[nodiscard]] uint32_t index_of(PhysAddr frame) const noexcept {
    return static_cast<uint32_t>((frame.value() - first_) >> kPageShift);
  }
  [[nodiscard]] PhysAddr frame_at(uint32_t index) const noexcept {
    return PhysAddr(first_ + (uint64_t{index} << kPageShift));
  }
  [[nodiscard]] bool contains(PhysAddr frame) const noexcept {
    return frame.value() >= first_ && index_of_wide(frame) < frames_;
  }

 private:
  struct alignas(64) Cache {
    static constexpr uint32_t kCapacity = 64;
    static constexpr uint32_t kBatch = 32;
    static constexpr uint32_t kZeroed = 16;
    mutable Lock lock{
        LockRank::FrameCache};  // taken before the free lists' lock, never two of them at once
    uint32_t count GUARDED_BY(lock) = 0;
    std::array<uint32_t, kCapacity> frames GUARDED_BY(lock){};
    uint32_t zeroed_count GUARDED_BY(lock) = 0;
    std::array<uint32_t, kZeroed> zeroed GUARDED_BY(lock){};  // cached, and known to hold zeros
  };

  [[nodiscard]] uint64_t index_of_wide(PhysAddr frame) const noexcept {
    return (frame.value() - first_) >> kPageShift;
  }
  [[nodiscard]] uint32_t take_block(unsigned order) noexcept REQUIRES(lock_);
  void give_block(uint32_t index, unsigned order) noexcept REQUIRES(lock_);
  void give_range(uint32_t index, uint64_t pages) noexcept REQUIRES(lock_);
  void push(uint32_t index, unsigned order) noexcept REQUIRES(lock_);
  void remove(uint32_t index, unsigned order) noexcept REQUIRES(lock_);
  // The same without the lock, and with all caches brought back if the lists alone have no block.
  [[nodiscard]] uint32_t find_block(unsigned order) noexcept;
  void refill(Cache& cache) noexcept REQUIRES(cache.lock);
  void spill(Cache& cache) noexcept REQUIRES(cache.lock);
  [[nodiscard]] PhysAddr hand_out(uint32_t index, unsigned order, Zeroing zeroing) noexcept;
  [[nodiscard]] uint32_t take_single(Cache& cache) noexcept;
  [[nodiscard]] uint32_t take_zeroed(Cache& cache) noexcept;
  void give_single(Cache& cache, uint32_t index) noexcept;

  FrameInfo* infos_ = nullptr;
  uint64_t first_ = 0;   // physical address of index 0, 2 MiB aligned
  uint64_t frames_ = 0;  // entries of the frame table
  DirectMap direct_map_;
  uint32_t (*current_cpu_)() noexcept = nullptr;
  std::array<Cache, kMaxCpus> caches_{};

  mutable Lock lock_{LockRank::Frames};
  uint64_t total_ GUARDED_BY(lock_) = 0;
  uint64_t free_ GUARDED_BY(lock_) = 0;
  uint32_t available_ GUARDED_BY(lock_) = 0;  // bit n: the list of order n is not empty
  std::array<uint32_t, kMaxOrder + 1> heads_ GUARDED_BY(lock_) = make_heads();

  static constexpr std::array<uint32_t, kMaxOrder + 1> make_heads() {
    std::array<uint32_t, kMaxOrder + 1> heads{};
    heads.fill(FrameInfo::kNone);
    return heads;
  }
};

// 4096 bytes at a page-aligned address, times `pages`.
void zero_pages(void* start, uint64_t pages) noexcept;

}  // namespace nacre::mm
