// What address spaces map: a number of pages, and which frame holds each. Found in constant time by
// page index.
//
//   AnonymousObject   zero until written; frames come on demand, in blocks of up to 2 MiB where they can
//   FixedObject       existing contiguous physical memory: devices, images such as the initrd, the urt; never freed here
//   CloneObject       what another object holds, until it is written to: a copy of the page then
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "nacre/base/core/address.hh"
#include "nacre/base/core/error.hh"
#include "nacre/base/core/ref.hh"
#include "nacre/kernel/mm/frame_allocator.hh"

namespace nacre::mm {

// Contiguous pages of an object that lie in contiguous frames.
struct PageRun {
  uint64_t first = 0;  // page index
  uint64_t count = 0;
  PhysAddr frame;        // of `first`
  bool writable = true;  // false: the frames belong to somebody else, a write needs copies
  constexpr bool operator==(const PageRun&) const = default;
};

// Blocks of frames in use, through FrameInfo::next.
struct FrameList {
  uint32_t head = FrameInfo::kNone;

  void push(FrameAllocator& frames, PhysAddr frame) noexcept {
    frames.info(frame).next = std::exchange(head, frames.index_of(frame));
  }
  // Each block by its order.
  void free_all(FrameAllocator& frames) noexcept;
};

class MemoryObject : public RefCounted {
 public:
  virtual ~MemoryObject() = default;

  // The frame of a page that is present.
  [[nodiscard]] virtual std::optional<PhysAddr> find(uint64_t page) const noexcept = 0;
  // Makes `page` present and returns a run around it, inside [low, high), of pages that are
  // present. Pages outside [low, high) stay untouched. Nothing when no frame is left, or if the
  // page is beyond the object.
  [[nodiscard]] virtual std::optional<PageRun> materialise(uint64_t page, uint64_t low,
                                                           uint64_t high) noexcept = 0;
  // The same for a page that is going to be written.
  [[nodiscard]] virtual std::optional<PageRun> materialise_for_writing(uint64_t page, uint64_t low,
                                                                       uint64_t high) noexcept {
    return materialise(page, low, high);
  }
  // materialise() for one who will use all of [low, high) soon: with larger blocks than one page alone would get.
  [[nodiscard]] virtual std::optional<PageRun> populate(uint64_t page, uint64_t low,
                                                        uint64_t high) noexcept {
    return materialise_for_writing(page, low, high);
  }
  // A run of pages around one that is present, inside [low, high).
  [[nodiscard]] virtual std::optional<PageRun> find_run(uint64_t page, uint64_t low,
                                                        uint64_t high) const noexcept = 0;
  // Makes [first, end) what it was when the object was new. The frames that held it join the list.
  virtual void take_out(uint64_t first, uint64_t end, FrameList& frames) noexcept = 0;
  // Whether find() may show a page that must not be written.
  [[nodiscard]] virtual bool copies_on_write() const noexcept { return false; }
  // To which power of two the address of `first_page` should be aligned, for the largest pages.
  [[nodiscard]] virtual uint64_t alignment(uint64_t /*first_page*/) const noexcept {
    return kPageSize;
  }
  // Frames that were allocated for it, its own tables included.
  [[nodiscard]] virtual uint64_t frames_held() const noexcept = 0;
  [[nodiscard]] uint64_t pages() const noexcept { return pages_; }

 protected:
  explicit MemoryObject(uint64_t pages) noexcept : pages_(pages) {}
  uint64_t pages_;
};

class AnonymousObject final : public MemoryObject {
 public:
  // A fault costs about as much as clearing three pages. So a place that nobody was near before gets a small block, and
  // one that is reached in order gets a large one.
  static constexpr unsigned kSmallOrder = 2;
  static constexpr uint64_t kSmallPages = uint64_t{1} << kSmallOrder;
  static constexpr unsigned kBlockOrder = 4;  // 64 KiB, a WebAssembly page
  static constexpr uint64_t kBlockPages = uint64_t{1} << kBlockOrder;
  // A large page: where memory is used in order and the object is so large that the pages beyond the last use are few.
  static constexpr unsigned kLargeOrder = 9;
  static constexpr uint64_t kLargePages = uint64_t{1} << kLargeOrder;
  static constexpr uint64_t kLargeThreshold = 4 * kLargePages;
  static constexpr uint64_t kChunkPages = kPageSize / sizeof(uint32_t);  // 4 MiB of memory

  // `frames` outlives the object.
  explicit AnonymousObject(FrameAllocator& frames) noexcept : MemoryObject(0), frames_(frames) {}
  ~AnonymousObject() override;

  // Lets the object have at least `pages` pages. Costs eight bytes for 4 MiB, and no frame.
  [[nodiscard]] Result<void> grow(uint64_t pages);
  // Fills a fresh object: as many pages as the bytes need, all present, padded with zeros.
  [[nodiscard]] Result<void> fill(std::span<const uint8_t> bytes);
  // The number of the table that a page has its entry in; each is a page of memory.
  [[nodiscard]] static constexpr uint64_t table_of(uint64_t page) noexcept {
    return page / kChunkPages;
  }

  [[nodiscard]] std::optional<PhysAddr> find(uint64_t page) const noexcept override;
  // The same as a pointer into the direct map, nullptr if the page is not present: for the kernel's reads and writes.
  [[nodiscard, gnu::always_inline]] uint8_t* bytes_of(uint64_t page) const noexcept {
    if (page >= pages_) return nullptr;
    // Within bounds: there is an entry for every 4 MiB of pages_.
    const uint32_t* chunk = chunks_.data()[page / kChunkPages];
    if (chunk == nullptr) return nullptr;
    const uint32_t entry = chunk[page % kChunkPages];
    if (entry == 0) return nullptr;
    return frames_.direct_map().pointer<uint8_t>(frame_of(entry));
  }
  [[nodiscard]] std::optional<PageRun> materialise(uint64_t page, uint64_t low,
                                                   uint64_t high) noexcept override;
  [[nodiscard]] std::optional<PageRun> populate(uint64_t page, uint64_t low,
                                                uint64_t high) noexcept override;
  [[nodiscard]] std::optional<PageRun> find_run(uint64_t page, uint64_t low,
                                                uint64_t high) const noexcept override;
  void take_out(uint64_t first, uint64_t end, FrameList& frames) noexcept override;
  [[nodiscard]] uint64_t frames_held() const noexcept override { return held_; }

 private:
  // Entry of a chunk: 0 = absent, else frame index + 1 and, above it, how the frame came: alone, as the first of a block, or
  // as one of the others of a block.
  static constexpr unsigned kOriginShift = 29;
  static constexpr uint32_t kIndexMask = (uint32_t{1} << kOriginShift) - 1;
  enum class Origin : uint32_t { Single, SmallHead, BlockHead, LargeHead, Tail };

  [[nodiscard]] static constexpr unsigned order_of(Origin head) noexcept {
    return head == Origin::LargeHead   ? kLargeOrder
           : head == Origin::BlockHead ? kBlockOrder
           : head == Origin::SmallHead ? kSmallOrder
                                       : 0;
  }
  [[nodiscard]] static constexpr Origin head_of(unsigned order) noexcept {
    return order == kLargeOrder   ? Origin::LargeHead
           : order == kBlockOrder ? Origin::BlockHead
           : order == kSmallOrder ? Origin::SmallHead
                                  : Origin::Single;
  }

  [[nodiscard]] static constexpr Origin origin_of(uint32_t entry) noexcept {
    return static_cast<Origin>(entry >> kOriginShift);
  }
  [[nodiscard]] static constexpr uint32_t make_entry(uint32_t index, Origin origin) noexcept {
    return (index + 1) | static_cast<uint32_t>(origin) << kOriginShift;
  }

  [[nodiscard]] uint32_t* chunk_for(uint64_t page) noexcept;
  [[nodiscard]] bool add_block(uint32_t* entries, unsigned order, Zeroing zeroing) noexcept;
  void set_entries(uint32_t* entries, unsigned order, PhysAddr frames) noexcept;
  [[nodiscard]] bool add_large(uint64_t page, uint64_t low, uint64_t high,
                               uint32_t* chunk) noexcept;
  void cut_block(uint32_t* chunk, uint64_t entry) noexcept;
  [[nodiscard]] bool add_frames(uint64_t page, uint64_t low, uint64_t high,
                                uint32_t* block) noexcept;
  [[nodiscard]] PhysAddr frame_of(uint32_t entry) const noexcept {
    return frames_.frame_at((entry & kIndexMask) - 1);
  }
  [[nodiscard]] PageRun run_around(const uint32_t* block, uint64_t page, uint64_t low,
                                   uint64_t high) const noexcept;
  [[nodiscard]] PageRun run_in(const uint32_t* chunk, uint64_t page, uint64_t low,
                               uint64_t high) const noexcept;
  void free_chunk(uint32_t* chunk) noexcept;

  FrameAllocator& frames_;
  std::vector<uint32_t*> chunks_;  // a frame each, or nullptr
  uint64_t held_ = 0;
};

class FixedObject final : public MemoryObject {
 public:
  // [start, start + size), which the creator keeps alive and reserved. Page-aligned.
  FixedObject(PhysAddr start, ByteSize size) noexcept;

  [[nodiscard]] std::optional<PhysAddr> find(uint64_t page) const noexcept override;
  [[nodiscard]] std::optional<PageRun> materialise(uint64_t page, uint64_t low,
                                                   uint64_t high) noexcept override;
  [[nodiscard]] std::optional<PageRun> find_run(uint64_t page, uint64_t low,
                                                uint64_t high) const noexcept override;
  void take_out(uint64_t, uint64_t, FrameList&) noexcept override {}
  [[nodiscard]] uint64_t alignment(uint64_t first_page) const noexcept override;
  [[nodiscard]] uint64_t frames_held() const noexcept override { return 0; }

 private:
  PhysAddr start_;
};

// Begins as an exact copy of another object and costs nothing until it is written to. The original must not change as long as it
// has clones: it is a template.
class CloneObject final : public MemoryObject {
 public:
  // `frames` outlives the clone. Error: OutOfMemory.
  [[nodiscard]] static Result<Ref<CloneObject>> create(FrameAllocator& frames,
                                                       Ref<MemoryObject> original);

  [[nodiscard]] std::optional<PhysAddr> find(uint64_t page) const noexcept override;
  [[nodiscard]] std::optional<PageRun> materialise(uint64_t page, uint64_t low,
                                                   uint64_t high) noexcept override;
  [[nodiscard]] std::optional<PageRun> materialise_for_writing(uint64_t page, uint64_t low,
                                                               uint64_t high) noexcept override;
  [[nodiscard]] std::optional<PageRun> find_run(uint64_t page, uint64_t low,
                                                uint64_t high) const noexcept override;
  void take_out(uint64_t first, uint64_t end, FrameList& frames) noexcept override {
    copies_.take_out(first, end, frames);
  }
  [[nodiscard]] bool copies_on_write() const noexcept override { return true; }
  [[nodiscard]] uint64_t frames_held() const noexcept override { return copies_.frames_held(); }

 private:
  CloneObject(FrameAllocator& frames, Ref<MemoryObject> original) noexcept
      : MemoryObject(original->pages()),
        frames_(frames),
        copies_(frames),
        original_(std::move(original)) {}

  FrameAllocator& frames_;
  AnonymousObject copies_;  // the pages that are the clone's own
  Ref<MemoryObject> original_;
};

}  // namespace nacre::mm
