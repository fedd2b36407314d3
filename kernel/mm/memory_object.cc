#include "nacre/kernel/mm/memory_object.hh"

#include <algorithm>
#include <cstring>
#include <new>

#include "errors.hh"
#include "nacre/base/paging/format.hh"

namespace nacre::mm {

void FrameList::free_all(FrameAllocator& frames) noexcept {
  while (head != FrameInfo::kNone) {
    const FrameInfo& info = frames.infos()[head];
    const PhysAddr frame = frames.frame_at(head);
    head = info.next;
    frames.free(frame, info.order);
  }
}

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
    const unsigned order = order_of(origin);
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
    return out_of_memory();
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
  set_entries(entries, order, *frames);
  return true;
}

void AnonymousObject::set_entries(uint32_t* entries, unsigned order, PhysAddr frames) noexcept {
  const uint32_t index = frames_.index_of(frames);
  const uint32_t count = uint32_t{1} << order;
  entries[0] = make_entry(index, head_of(order));
  for (uint32_t i = 1; i < count; ++i) entries[i] = make_entry(index + i, Origin::Tail);
  held_ += count;
}

// A large page for an absent page and all around it, which are absent and inside [low, high) then.
bool AnonymousObject::add_large(uint64_t page, uint64_t low, uint64_t high,
                                uint32_t* chunk) noexcept {
  const uint64_t first = page & ~(kLargePages - 1);
  if (first < low || first + kLargePages > high) return false;
  uint32_t* entries = chunk + first % kChunkPages;
  if (!std::all_of(entries, entries + kLargePages, [](uint32_t entry) { return entry == 0; })) {
    return false;
  }
  const auto frames = frames_.allocate_spare(kLargeOrder, Zeroing::Zeroed);
  if (!frames) return false;
  set_entries(entries, kLargeOrder, *frames);
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
  if (chunk[page % kChunkPages] == 0) {
    const uint64_t large = page & ~(kLargePages - 1);
    const bool grows = held_ >= kLargeThreshold && large != 0 && bytes_of(large - 1) != nullptr;
    uint32_t* block = chunk + (page & ~(kBlockPages - 1)) % kChunkPages;
    if (!(grows && add_large(page, low, high, chunk)) && !add_frames(page, low, high, block)) {
      return std::nullopt;
    }
  }
  return run_in(chunk, page, low, high);
}

std::optional<PageRun> AnonymousObject::populate(uint64_t page, uint64_t low,
                                                 uint64_t high) noexcept {
  if (page >= pages_) return std::nullopt;
  uint32_t* chunk = chunk_for(page);
  if (chunk == nullptr) return std::nullopt;
  if (chunk[page % kChunkPages] == 0) (void)add_large(page, low, high, chunk);
  return materialise(page, low, high);
}

std::optional<PageRun> AnonymousObject::find_run(uint64_t page, uint64_t low,
                                                 uint64_t high) const noexcept {
  if (bytes_of(page) == nullptr) return std::nullopt;
  return run_in(chunks_[page / kChunkPages], page, low, high);
}

// The run around a present page: of its large page, or in its block.
PageRun AnonymousObject::run_in(const uint32_t* chunk, uint64_t page, uint64_t low,
                                uint64_t high) const noexcept {
  const uint64_t large = page & ~(kLargePages - 1);
  const uint32_t head = chunk[large % kChunkPages];
  if (head != 0 && origin_of(head) == Origin::LargeHead) [[unlikely]] {
    const uint64_t from = std::max(low, large);
    const uint64_t to = std::min(high, large + kLargePages);
    return {from, to - from, frame_of(head) + ByteSize::pages(from - large)};
  }
  return run_around(chunk + (page & ~(kBlockPages - 1)) % kChunkPages, page, low, high);
}

// If a block reaches over an entry's lower edge, makes it single pages.
void AnonymousObject::cut_block(uint32_t* chunk, uint64_t entry) noexcept {
  if (entry == kChunkPages || chunk[entry] == 0 || origin_of(chunk[entry]) != Origin::Tail) return;
  uint64_t head = entry;
  while (origin_of(chunk[head]) == Origin::Tail) --head;
  const unsigned order = order_of(origin_of(chunk[head]));
  frames_.split(frame_of(chunk[head]), order);
  const uint32_t index = frames_.index_of(frame_of(chunk[head]));
  for (uint32_t i = 0; i < uint32_t{1} << order; ++i) {
    chunk[head + i] = make_entry(index + i, Origin::Single);
  }
}

void AnonymousObject::take_out(uint64_t first, uint64_t end, FrameList& frames) noexcept {
  end = std::min(end, pages_);
  for (uint64_t page = first, next = 0; page < end; page = next) {
    uint32_t*& chunk = chunks_[page / kChunkPages];
    next = std::min(end, (page / kChunkPages + 1) * kChunkPages);
    if (chunk == nullptr) continue;
    const uint64_t from = page % kChunkPages;
    const uint64_t to = from + (next - page);
    cut_block(chunk, from);
    cut_block(chunk, to);
    for (uint64_t i = from; i < to;) {
      if (chunk[i] == 0) {
        ++i;
        continue;
      }
      const uint64_t count = uint64_t{1} << order_of(origin_of(chunk[i]));
      frames.push(frames_, frame_of(chunk[i]));
      std::fill_n(chunk + i, count, 0);
      held_ -= count;
      i += count;
    }
    if (std::any_of(chunk, chunk + kChunkPages, [](uint32_t entry) { return entry != 0; }))
      continue;
    frames_.free_zeroed(frames_.direct_map().physical(chunk));
    --held_;
    chunk = nullptr;
  }
}

Result<void> AnonymousObject::fill(std::span<const uint8_t> bytes) {
  ASSERT(pages_ == 0);
  TRY(grow(ByteSize(bytes.size()).pages_up()));
  for (uint64_t page = 0; page < pages_; ++page) {
    uint32_t* chunk = chunk_for(page);
    if (chunk == nullptr) return out_of_memory();
    uint32_t* block = chunk + (page & ~(kBlockPages - 1)) % kChunkPages;
    uint32_t* entry = block + page % kBlockPages;
    if (*entry == 0) {
      const bool whole = page % kBlockPages == 0 && page + kBlockPages <= pages_;
      if (!(whole && add_block(block, kBlockOrder, Zeroing::AsIs)) &&
          !add_block(entry, 0, Zeroing::AsIs)) {
        return out_of_memory();
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
  return find_run(page, low, high);
}

std::optional<PageRun> FixedObject::find_run(uint64_t page, uint64_t low,
                                             uint64_t high) const noexcept {
  if (page >= pages_) return std::nullopt;
  const uint64_t end = std::min(high, pages_);
  return PageRun{low, end - low, start_ + ByteSize::pages(low)};
}

// That of the physical address, as far as there are pages of that size and the object has one.
uint64_t FixedObject::alignment(uint64_t first_page) const noexcept {
  const PhysAddr frame = start_ + ByteSize::pages(first_page);
  for (unsigned level = paging::kMaxLeafLevel; level > 0; --level) {
    const uint64_t span = paging::span_of_level(level);
    if (frame.is_aligned(span) && pages_ - first_page >= span >> kPageShift) return span;
  }
  return kPageSize;
}

// ---- clones -----------------------------------------------------------------------------------------------------

Result<Ref<CloneObject>> CloneObject::create(FrameAllocator& frames, Ref<MemoryObject> original) {
  auto clone = Ref<CloneObject>::adopt(new (std::nothrow) CloneObject(frames, std::move(original)));
  if (!clone) return out_of_memory();
  TRY(clone->copies_.grow(clone->pages_));
  return clone;
}

std::optional<PhysAddr> CloneObject::find(uint64_t page) const noexcept {
  if (const auto own = copies_.find(page)) return own;
  return original_->find(page);
}

std::optional<PageRun> CloneObject::materialise(uint64_t page, uint64_t low,
                                                uint64_t high) noexcept {
  if (!copies_.find(page) && original_->find(page)) return find_run(page, low, high);
  return materialise_for_writing(page, low, high);
}

// As many of the original's pages as are side by side there and have no copy.
std::optional<PageRun> CloneObject::find_run(uint64_t page, uint64_t low,
                                             uint64_t high) const noexcept {
  if (copies_.find(page)) return copies_.find_run(page, low, high);
  auto run = original_->find_run(page, low, high);
  if (!run) return std::nullopt;
  uint64_t first = page;
  uint64_t end = page + 1;
  while (first > run->first && !copies_.find(first - 1)) --first;
  while (end < run->first + run->count && !copies_.find(end)) ++end;
  return PageRun{.first = first,
                 .count = end - first,
                 .frame = run->frame + ByteSize::pages(first - run->first),
                 .writable = false};
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
