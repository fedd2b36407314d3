#include "nacre/kernel/mm/boot_memory.hh"

#include "nacre/base/core/panic.hh"

namespace nacre::mm {

void BootMemory::insert(size_t position, MemoryRange range) {
  ASSERT(count_ < kMaxRanges);
  ASSERT(position <= count_);
  for (size_t i = count_; i > position; --i) ranges_[i] = ranges_[i - 1];
  ranges_[position] = range;
  ++count_;
}

void BootMemory::erase(size_t position) {
  ASSERT(position < count_);
  --count_;
  for (size_t i = position; i < count_; ++i) ranges_[i] = ranges_[i + 1];
}

void BootMemory::add(MemoryRange range) {
  const PhysAddr start = range.start.align_up(kPageSize);
  const PhysAddr end = range.end().align_down(kPageSize);
  if (start >= end) return;
  size_t position = 0;
  while (position < count_ && ranges_[position].start < start) ++position;
  ASSERT(position == 0 || ranges_[position - 1].end() <= start);
  ASSERT(position == count_ || end <= ranges_[position].start);
  insert(position, {start, end - start});
}

void BootMemory::reserve(MemoryRange range) {
  if (range.size == ByteSize(0)) return;
  const PhysAddr start = range.start.align_down(kPageSize);
  const PhysAddr end = range.end().align_up(kPageSize);
  for (size_t i = count_; i-- > 0;) {
    const MemoryRange old = ranges_[i];
    if (old.end() <= start || end <= old.start) continue;
    erase(i);
    if (end < old.end()) insert(i, {end, old.end() - end});
    if (old.start < start) insert(i, {old.start, start - old.start});
  }
}

std::optional<PhysAddr> BootMemory::allocate(ByteSize size, uint64_t alignment) {
  ASSERT(alignment >= kPageSize && (alignment & (alignment - 1)) == 0);
  const ByteSize rounded = ByteSize::pages(size.pages_up());
  for (size_t i = count_; i-- > 0;) {
    const MemoryRange range = ranges_[i];
    if (range.size < rounded) continue;
    const PhysAddr at = (range.end() - rounded).align_down(alignment);
    if (at < range.start) continue;
    reserve({at, rounded});
    return at;
  }
  return std::nullopt;
}

}  // namespace nacre::mm
