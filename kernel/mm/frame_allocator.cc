#include "nacre/kernel/mm/frame_allocator.hh"

#include <bit>

#include "nacre/base/core/panic.hh"
#include "nacre/kernel/mm/failure_injection.hh"
#include "nacre/kernel/mm/poison.hh"

namespace nacre::mm {

namespace {

constexpr uint64_t kFirstAlignment = uint64_t{2} << 20;

}  // namespace

// Spelt out, and not to be turned into a call of memset: this is where demand paging spends its time.
__attribute__((no_builtin("memset"))) void zero_pages(void* start, uint64_t pages) noexcept {
  constexpr uint64_t kUnroll = 16;
  uint64_t* word = static_cast<uint64_t*>(start);
  const uint64_t* const end = word + pages * (kPageSize / sizeof(uint64_t));
  for (; word != end; word += kUnroll) {
#pragma clang loop unroll(full)
    for (uint64_t i = 0; i < kUnroll; ++i) word[i] = 0;
  }
}

void FrameAllocator::init(BootMemory& memory, MemoryRange covered, DirectMap direct_map,
                          uint32_t (*current_cpu)() noexcept) {
  ASSERT(infos_ == nullptr);
  direct_map_ = direct_map;
  current_cpu_ = current_cpu;
  const PhysAddr first = covered.start.align_down(kFirstAlignment);
  first_ = first.value();
  frames_ = (covered.end() - first).pages_up();
  // Frame indices fit the 29 bits that an AnonymousObject has for them: 2 TiB.
  ASSERT(frames_ < (uint64_t{1} << 29) - 1);

  const ByteSize table_size(frames_ * sizeof(FrameInfo));
  const std::optional<PhysAddr> table = memory.allocate(table_size);
  ASSERT(table.has_value());
  infos_ = direct_map_.pointer<FrameInfo>(*table);
  zero_pages(infos_, table_size.pages_up());

  const LockGuard guard(lock_);
  uint32_t next = 0;
  const auto reserve_up_to = [&](uint32_t end) {
    for (; next < end; ++next) infos_[next].state = FrameState::Reserved;
  };
  for (const MemoryRange range : memory.free_ranges()) {
    ASSERT(range.start.value() >= first_ && contains(range.end() - ByteSize(kPageSize)));
    const uint32_t index = index_of(range.start);
    reserve_up_to(index);
    next = index + static_cast<uint32_t>(range.size.pages_up());
    total_ += range.size.pages_up();
    give_range(index, range.size.pages_up());
  }
  reserve_up_to(static_cast<uint32_t>(frames_));
  memory.clear();
}

void FrameAllocator::add(MemoryRange range) noexcept {
  ASSERT(range.start.is_aligned(kPageSize));
  ASSERT(range.size.is_page_aligned());
  if (range.size == ByteSize(0)) return;
  ASSERT(contains(range.start) && contains(range.end() - ByteSize(kPageSize)));
  const uint64_t pages = range.size.pages_up();
  const LockGuard guard(lock_);
  const uint32_t index = index_of(range.start);
  for (uint64_t i = 0; i < pages; ++i) {
    ASSERT(infos_[index + i].state == FrameState::Reserved);
    infos_[index + i].state = FrameState::Inside;
  }
  total_ += pages;
  give_range(index, pages);
}

// ---- free lists -------------------------------------------------------------------------------------------------

void FrameAllocator::push(uint32_t index, unsigned order) noexcept {
  FrameInfo& info = infos_[index];
  info.state = FrameState::Free;
  info.order = static_cast<uint8_t>(order);
  info.previous = FrameInfo::kNone;
  info.next = heads_[order];
  if (info.next != FrameInfo::kNone) infos_[info.next].previous = index;
  heads_[order] = index;
  available_ |= uint32_t{1} << order;
}

void FrameAllocator::remove(uint32_t index, unsigned order) noexcept {
  FrameInfo& info = infos_[index];
  DEBUG_ASSERT(info.state == FrameState::Free && info.order == order);
  if (info.previous != FrameInfo::kNone) {
    infos_[info.previous].next = info.next;
  } else {
    heads_[order] = info.next;
    if (info.next == FrameInfo::kNone) available_ &= ~(uint32_t{1} << order);
  }
  if (info.next != FrameInfo::kNone) infos_[info.next].previous = info.previous;
  info.state = FrameState::Inside;
}

// A block of the order, taken off its list, or kNone. Its first FrameInfo is left Inside.
uint32_t FrameAllocator::take_block(unsigned order) noexcept {
  const uint32_t candidates = available_ >> order << order;
  if (candidates == 0) return FrameInfo::kNone;
  unsigned found = static_cast<unsigned>(std::countr_zero(candidates));
  const uint32_t index = heads_[found];
  remove(index, found);
  // The upper halves go back.
  while (found > order) {
    --found;
    push(index + (uint32_t{1} << found), found);
  }
  free_ -= uint64_t{1} << order;
  return index;
}

void FrameAllocator::give_block(uint32_t index, unsigned order) noexcept {
  free_ += uint64_t{1} << order;
  infos_[index].state = FrameState::Inside;
  while (order < kMaxOrder) {
    const uint32_t buddy = index ^ (uint32_t{1} << order);
    if (buddy >= frames_) break;
    if (infos_[buddy].state != FrameState::Free || infos_[buddy].order != order) break;
    remove(buddy, order);
    index &= ~(uint32_t{1} << order);
    ++order;
  }
  push(index, order);
}

// Any range, as the largest aligned blocks that it consists of.
void FrameAllocator::give_range(uint32_t index, uint64_t pages) noexcept {
  while (pages != 0) {
    unsigned order = static_cast<unsigned>(std::bit_width(pages)) - 1;
    if (index != 0) {
      const unsigned alignment = static_cast<unsigned>(std::countr_zero(index));
      order = alignment < order ? alignment : order;
    }
    order = order < kMaxOrder ? order : kMaxOrder;
    give_block(index, order);
    index += uint32_t{1} << order;
    pages -= uint64_t{1} << order;
  }
}

// ---- the CPUs' caches -------------------------------------------------------------------------------------------

// Out of line, like spill: the fast paths need no frame then.
[[gnu::noinline]] void FrameAllocator::refill(Cache& cache) noexcept {
  const LockGuard guard(lock_);
  while (cache.count < Cache::kBatch) {
    const uint32_t index = take_block(0);
    if (index == FrameInfo::kNone) break;
    infos_[index].state = FrameState::Cached;
    cache.frames[cache.count++] = index;
  }
}

[[gnu::noinline]] void FrameAllocator::spill(Cache& cache) noexcept {
  const LockGuard guard(lock_);
  while (cache.count > Cache::kCapacity - Cache::kBatch) {
    give_block(cache.frames[--cache.count], 0);
  }
}

inline uint32_t FrameAllocator::take_single(Cache& cache) noexcept {
  const LockGuard cache_guard(cache.lock);
  if (cache.count == 0) [[unlikely]] {
    refill(cache);
    if (cache.count == 0) return FrameInfo::kNone;
  }
  return cache.frames.data()[--cache.count];
}

inline void FrameAllocator::give_single(Cache& cache, uint32_t index) noexcept {
  const LockGuard cache_guard(cache.lock);
  if (cache.count == Cache::kCapacity) [[unlikely]]
    spill(cache);
  infos_[index].state = FrameState::Cached;
  cache.frames.data()[cache.count++] = index;
}

// kNone if no cached frame is known to hold zeros.
inline uint32_t FrameAllocator::take_zeroed(Cache& cache) noexcept {
  const LockGuard cache_guard(cache.lock);
  if (cache.zeroed_count == 0) return FrameInfo::kNone;
  return cache.zeroed.data()[--cache.zeroed_count];
}

void FrameAllocator::drain_caches() noexcept {
  for (Cache& cache : caches_) {
    const LockGuard cache_guard(cache.lock);
    if (cache.count + cache.zeroed_count == 0) continue;
    const LockGuard guard(lock_);
    while (cache.count != 0) give_block(cache.frames[--cache.count], 0);
    while (cache.zeroed_count != 0) give_block(cache.zeroed[--cache.zeroed_count], 0);
  }
}

uint32_t FrameAllocator::find_block(unsigned order) noexcept {
  const auto take = [&] {
    const LockGuard guard(lock_);
    return take_block(order);
  };
  const uint32_t index = take();
  if (index != FrameInfo::kNone) return index;
  drain_caches();
  return take();
}

FrameCounts FrameAllocator::counts() const noexcept {
  FrameCounts counts;
  for (const Cache& cache : caches_) {
    const LockGuard cache_guard(cache.lock);
    counts.cached += cache.count + cache.zeroed_count;
  }
  const LockGuard guard(lock_);
  counts.total = total_;
  counts.free = free_;
  return counts;
}

// ---- public -----------------------------------------------------------------------------------------------------

std::optional<PhysAddr> FrameAllocator::allocate(unsigned order, Zeroing zeroing) noexcept {
  if (order > kMaxOrder || request_fails()) return std::nullopt;
  uint32_t index = FrameInfo::kNone;
  if (order == 0) {
    Cache& cache = caches_[current_cpu_()];
    if (zeroing == Zeroing::Zeroed) {
      index = take_zeroed(cache);
      if (index != FrameInfo::kNone) zeroing = Zeroing::AsIs;
    }
    if (index == FrameInfo::kNone) index = take_single(cache);
  }
  if (index == FrameInfo::kNone) index = find_block(order);
  if (index == FrameInfo::kNone) return std::nullopt;
  return hand_out(index, order, zeroing);
}

[[gnu::always_inline]] inline PhysAddr FrameAllocator::hand_out(uint32_t index, unsigned order,
                                                                Zeroing zeroing) noexcept {
  infos_[index].state = FrameState::Used;
  infos_[index].order = static_cast<uint8_t>(order);
  const PhysAddr frame = frame_at(index);
  unpoison(direct_map_.pointer<void>(frame), kPageSize << order);
  if (zeroing == Zeroing::Zeroed) {
    zero_pages(direct_map_.pointer<void>(frame), uint64_t{1} << order);
  }
  return frame;
}

std::optional<PhysAddr> FrameAllocator::allocate_spare(unsigned order, Zeroing zeroing) noexcept {
  if (order > kMaxOrder || request_fails()) return std::nullopt;
  uint32_t index = FrameInfo::kNone;
  {
    const LockGuard guard(lock_);
    const uint64_t size = uint64_t{1} << order;
    if (free_ >= size && free_ - size >= total_ / 4) index = take_block(order);
  }
  if (index == FrameInfo::kNone) return std::nullopt;
  return hand_out(index, order, zeroing);
}

// Nobody else looks at more than whether a frame's state is Free.
void FrameAllocator::split(PhysAddr frame, unsigned order) noexcept {
  const uint32_t index = index_of(frame);
  ASSERT(infos_[index].state == FrameState::Used && infos_[index].order == order);
  for (uint32_t i = 0; i < uint32_t{1} << order; ++i) {
    infos_[index + i].state = FrameState::Used;
    infos_[index + i].order = 0;
  }
}

void FrameAllocator::free(PhysAddr frame, unsigned order) noexcept {
  ASSERT(frame.is_aligned(kPageSize));
  ASSERT(contains(frame));
  const uint32_t index = index_of(frame);
  // A second free finds Free, Cached or Inside here.
  ASSERT(infos_[index].state == FrameState::Used);
  ASSERT(infos_[index].order == order);
  poison(direct_map_.pointer<void>(frame), kPageSize << order);
  if (order == 0) {
    give_single(caches_[current_cpu_()], index);
    return;
  }
  const LockGuard guard(lock_);
  give_block(index, order);
}

void FrameAllocator::free_zeroed(PhysAddr frame) noexcept {
  ASSERT(contains(frame));
  const uint32_t index = index_of(frame);
  ASSERT(infos_[index].state == FrameState::Used);
  ASSERT(infos_[index].order == 0);
  {
    Cache& cache = caches_[current_cpu_()];
    const LockGuard cache_guard(cache.lock);
    if (cache.zeroed_count < Cache::kZeroed) {
      poison(direct_map_.pointer<void>(frame), kPageSize);
      infos_[index].state = FrameState::Cached;
      cache.zeroed[cache.zeroed_count++] = index;
      return;
    }
  }
  free(frame);
}

std::optional<PhysAddr> FrameAllocator::allocate_run(uint64_t pages) noexcept {
  if (pages == 0 || pages > uint64_t{1} << kMaxOrder || request_fails()) return std::nullopt;
  const unsigned order = static_cast<unsigned>(std::bit_width(pages - 1));
  const uint32_t index = find_block(order);
  if (index == FrameInfo::kNone) return std::nullopt;
  const uint64_t surplus = (uint64_t{1} << order) - pages;
  if (surplus != 0) {
    const LockGuard guard(lock_);
    give_range(index + static_cast<uint32_t>(pages), surplus);
  }
  infos_[index].state = FrameState::Used;
  infos_[index].order = 0;
  unpoison(direct_map_.pointer<void>(frame_at(index)), pages << kPageShift);
  return frame_at(index);
}

void FrameAllocator::free_run(PhysAddr frame, uint64_t pages) noexcept {
  ASSERT(contains(frame));
  const uint32_t index = index_of(frame);
  ASSERT(infos_[index].state == FrameState::Used);
  ASSERT(pages != 0 && index + pages <= frames_);
  poison(direct_map_.pointer<void>(frame), pages << kPageShift);
  const LockGuard guard(lock_);
  give_range(index, pages);
}

}  // namespace nacre::mm
