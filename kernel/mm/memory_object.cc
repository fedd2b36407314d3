#include "nacre/kernel/mm/memory_object.hh"

#include <algorithm>
#include <cstring>
#include <new>

namespace nacre::mm {

// ---- anonymous --------------------------------------------------------------------------------------------------

AnonymousObject::~AnonymousObject() {
  for (uint32_t* chunk : chunks_) {
    if (chunk != nullptr) free_chunk(chunk);
  }
  DEBUG_ASSERT(held_ == 0);
}

void AnonymousObject::free_chunk(uint32_t* chunk) noexcept {
  for (uint64_t i = 0; i < kChunkPages;) {
    const uint32_t entry = chunk[i];
    if (entry == 0) {
      ++i;
      continue;
    }
    const Origin origin = origin_of(entry);
    DEBUG_ASSERT(origin != Origin::Tail);
    const unsigned order = origin == Origin::BlockHead   ? kBlockOrder
                           : origin == Origin::SmallHead ? kSmallOrder
                                                         : 0;
    frames_.free(frame_of(entry), order);
    held_ -= uint64_t{1} << order;
    i += uint64_t{1} << order;
  }
  frames_.free(frames_.direct_map().physical(chunk));
  --held_;
}

Result<void> AnonymousObject::grow(uint64_t pages) {
  if (pages <= pages_) return {};
  try {
    chunks_.resize((pages + kChunkPages - 1) / kChunkPages, nullptr);
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::OutOfMemory, "out of memory");
  }
  pages_ = pages;
  return {};
}

std::optional<PhysAddr> AnonymousObject::find(uint64_t page) const noexcept {
  const uint8_t* bytes = bytes_of(page);
  if (bytes == nullptr) return std::nullopt;
  return frames_.direct_map().physical(bytes);
}

// The table of a page's 4 MiB, made if need be; nullptr when no frame is left.
uint32_t* AnonymousObject::chunk_for(uint64_t page) noexcept {
  uint32_t*& chunk = chunks_[page / kChunkPages];
  if (chunk == nullptr) {
    const auto frame = frames_.allocate(0, Zeroing::Zeroed);
    if (!frame) return nullptr;
    chunk = frames_.direct_map().pointer<uint32_t>(*frame);
    ++held_;
  }
  return chunk;
}

// The longest run of present pages in contiguous frames around `page`, within its block and [low, high). `block` is the
// entry of the block's first page.
PageRun AnonymousObject::run_around(const uint32_t* block, uint64_t page, uint64_t low,
                                    uint64_t high) const noexcept {
  const uint64_t base = page & ~(kBlockPages - 1);
  const uint64_t from = std::max(low, base);
  const uint64_t to = std::min(high, base + kBlockPages);
  const auto index_at = [&](uint64_t p) { return block[p - base] & kIndexMask; };
  const auto continues = [&](uint64_t p) {
    return index_at(p) != 0 && index_at(p) + 1 == index_at(p + 1);
  };
  uint64_t first = page;
  uint64_t end = page + 1;
  while (first > from && continues(first - 1)) --first;
  while (end < to && continues(end - 1)) ++end;
  return {first, end - first, frame_of(block[first - base])};
}

// Frames for 2^order absent pages, of which `entries` are the entries.
bool AnonymousObject::add_block(uint32_t* entries, unsigned order, Zeroing zeroing) noexcept {
  const auto frames = frames_.allocate(order, zeroing);
  if (!frames) return false;
  const uint32_t index = frames_.index_of(*frames);
  const uint32_t count = uint32_t{1} << order;
  entries[0] = make_entry(index, order == kBlockOrder   ? Origin::BlockHead
                                 : order == kSmallOrder ? Origin::SmallHead
                                                        : Origin::Single);
  for (uint32_t i = 1; i < count; ++i) entries[i] = make_entry(index + i, Origin::Tail);
  held_ += count;
  return true;
}

// Frames for an absent page and, where they are absent and inside [low, high) as well, for those around it.
bool AnonymousObject::add_frames(uint64_t page, uint64_t low, uint64_t high,
                                 uint32_t* block) noexcept {
  const auto can_have = [&](uint64_t first, uint64_t count) {
    const uint32_t* entries = block + first % kBlockPages;
    return low <= first && first + count <= high &&
           std::all_of(entries, entries + count, [](uint32_t entry) { return entry == 0; });
  };
  const uint64_t base = page & ~(kBlockPages - 1);
  if (base != 0 && bytes_of(base - 1) != nullptr && can_have(base, kBlockPages) &&
      add_block(block, kBlockOrder, Zeroing::Zeroed)) {
    return true;
  }
  const uint64_t small = page & ~(kSmallPages - 1);
  if (can_have(small, kSmallPages) &&
      add_block(block + small % kBlockPages, kSmallOrder, Zeroing::Zeroed)) {
    return true;
  }
  return add_block(block + page % kBlockPages, 0, Zeroing::Zeroed);
}

std::optional<PageRun> AnonymousObject::materialise(uint64_t page, uint64_t low,
                                                    uint64_t high) noexcept {
  if (page >= pages_) return std::nullopt;
  DEBUG_ASSERT(low <= page && page < high);
  uint32_t* chunk = chunk_for(page);
  if (chunk == nullptr) return std::nullopt;
  const uint64_t base = page & ~(kBlockPages - 1);
  uint32_t* block = chunk + base % kChunkPages;
  if (block[page - base] == 0 && !add_frames(page, low, high, block)) return std::nullopt;
  return run_around(block, page, low, high);
}

Result<void> AnonymousObject::fill(std::span<const uint8_t> bytes) {
  ASSERT(pages_ == 0);
  TRY(grow(ByteSize(bytes.size()).pages_up()));
  for (uint64_t page = 0; page < pages_; ++page) {
    uint32_t* chunk = chunk_for(page);
    if (chunk == nullptr) return fail(ErrorCode::OutOfMemory, "out of memory");
    uint32_t* block = chunk + (page & ~(kBlockPages - 1)) % kChunkPages;
    uint32_t* entry = block + page % kBlockPages;
    if (*entry == 0) {
      const bool whole = page % kBlockPages == 0 && page + kBlockPages <= pages_;
      if (!(whole && add_block(block, kBlockOrder, Zeroing::AsIs)) &&
          !add_block(entry, 0, Zeroing::AsIs)) {
        return fail(ErrorCode::OutOfMemory, "out of memory");
      }
    }
    const auto rest = bytes.subspan(page << kPageShift);
    const uint64_t count = std::min<uint64_t>(rest.size(), kPageSize);
    uint8_t* target = frames_.direct_map().pointer<uint8_t>(frame_of(*entry));
    std::memcpy(target, rest.data(), count);
    std::memset(target + count, 0, kPageSize - count);
  }
  return {};
}

// ---- fixed ------------------------------------------------------------------------------------------------------

FixedObject::FixedObject(PhysAddr start, ByteSize size) noexcept
    : MemoryObject(size.pages_up()), start_(start) {
  ASSERT(start.is_aligned(kPageSize));
  ASSERT(size.is_page_aligned());
}

std::optional<PhysAddr> FixedObject::find(uint64_t page) const noexcept {
  if (page >= pages_) return std::nullopt;
  return start_ + ByteSize::pages(page);
}

std::optional<PageRun> FixedObject::materialise(uint64_t page, uint64_t low,
                                                uint64_t high) noexcept {
  if (page >= pages_) return std::nullopt;
  const uint64_t end = std::min(high, pages_);
  return PageRun{low, end - low, start_ + ByteSize::pages(low)};
}

// ---- clones -----------------------------------------------------------------------------------------------------

Result<Ref<CloneObject>> CloneObject::create(FrameAllocator& frames, Ref<MemoryObject> original) {
  auto clone = Ref<CloneObject>::adopt(new (std::nothrow) CloneObject(frames, std::move(original)));
  if (!clone) return fail(ErrorCode::OutOfMemory, "out of memory");
  TRY(clone->copies_.grow(clone->pages_));
  return clone;
}

std::optional<PhysAddr> CloneObject::find(uint64_t page) const noexcept {
  if (const auto own = copies_.find(page)) return own;
  return original_->find(page);
}

std::optional<PageRun> CloneObject::materialise(uint64_t page, uint64_t low,
                                                uint64_t high) noexcept {
  if (const auto theirs = original_->find(page); theirs && !copies_.find(page)) {
    return PageRun{.first = page, .count = 1, .frame = *theirs, .writable = false};
  }
  return materialise_for_writing(page, low, high);
}

// One page at a time: its neighbours may still be the original's.
std::optional<PageRun> CloneObject::materialise_for_writing(uint64_t page, uint64_t,
                                                            uint64_t) noexcept {
  const bool is_copied = copies_.find(page).has_value();
  const auto run = copies_.materialise(page, page, page + 1);
  if (!run || is_copied) return run;
  if (const auto theirs = original_->find(page)) {
    const DirectMap& map = frames_.direct_map();
    std::memcpy(map.pointer<void>(run->frame), map.pointer<const void>(*theirs), kPageSize);
  }
  return run;
}

}  // namespace nacre::mm
