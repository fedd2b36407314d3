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
    if ((entry & kBlockHead) != 0) {
      frames_.free(frame_of(entry), kBlockOrder);
      held_ -= kBlockPages;
      i += kBlockPages;
      continue;
    }
    if (entry != 0) {
      frames_.free(frame_of(entry));
      --held_;
    }
    ++i;
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

// Gives the absent page a frame, or its whole absent block 16 at once if there are that many together.
bool AnonymousObject::add_frames(uint32_t* block, uint64_t page, bool whole,
                                 Zeroing zeroing) noexcept {
  if (whole) {
    if (const auto frames = frames_.allocate(kBlockOrder, zeroing)) {
      const uint32_t index = frames_.index_of(*frames) + 1;
      block[0] = index | kBlockHead;
      for (uint32_t i = 1; i < kBlockPages; ++i) block[i] = (index + i) | kBlockTail;
      held_ += kBlockPages;
      return true;
    }
  }
  const auto frame = frames_.allocate(0, zeroing);
  if (!frame) return false;
  block[page % kBlockPages] = frames_.index_of(*frame) + 1;
  ++held_;
  return true;
}

std::optional<PageRun> AnonymousObject::materialise(uint64_t page, uint64_t low,
                                                    uint64_t high) noexcept {
  if (page >= pages_) return std::nullopt;
  DEBUG_ASSERT(low <= page && page < high);
  uint32_t* chunk = chunk_for(page);
  if (chunk == nullptr) return std::nullopt;
  const uint64_t base = page & ~(kBlockPages - 1);
  uint32_t* block = chunk + base % kChunkPages;
  if (block[page - base] == 0) {
    const bool whole = low <= base && base + kBlockPages <= high &&
                       std::all_of(block, block + kBlockPages, [](uint32_t e) { return e == 0; });
    if (!add_frames(block, page, whole, Zeroing::Zeroed)) return std::nullopt;
  }
  return run_around(block, page, low, high);
}

Result<void> AnonymousObject::fill(std::span<const uint8_t> bytes) {
  ASSERT(pages_ == 0);
  TRY(grow(ByteSize(bytes.size()).pages_up()));
  for (uint64_t page = 0; page < pages_; ++page) {
    uint32_t* chunk = chunk_for(page);
    if (chunk == nullptr) return fail(ErrorCode::OutOfMemory, "out of memory");
    uint32_t* block = chunk + (page & ~(kBlockPages - 1)) % kChunkPages;
    if (block[page % kBlockPages] == 0) {
      const bool whole = page % kBlockPages == 0 && page + kBlockPages <= pages_;
      if (!add_frames(block, page, whole, Zeroing::AsIs)) {
        return fail(ErrorCode::OutOfMemory, "out of memory");
      }
    }
    const auto rest = bytes.subspan(page << kPageShift);
    const uint64_t count = std::min<uint64_t>(rest.size(), kPageSize);
    uint8_t* target = frames_.direct_map().pointer<uint8_t>(frame_of(block[page % kBlockPages]));
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

}  // namespace nacre::mm
