#include "nacre/kernel/dev/virtqueue.hh"

#include <bit>
#include <cstddef>
#include <new>

namespace nacre::dev {
namespace {

constexpr uint16_t kUsedNoNotify = 1;  // VIRTQ_USED_F_NO_NOTIFY

}  // namespace

Virtqueue::Virtqueue(DmaRegion memory) : start_(memory.start) {
  ASSERT(memory.bytes.size() >= kMemoryBytes);
  ASSERT(memory.start.is_aligned(kMemoryBytes));
  memory_ = new (memory.bytes.data()) Memory();
}

PhysAddr Virtqueue::driver_area() const {
  return start_ + ByteSize(offsetof(Memory, available));
}

PhysAddr Virtqueue::device_area() const {
  return start_ + ByteSize(offsetof(Memory, used));
}

void Virtqueue::submit(uint16_t id, PhysAddr address, uint32_t length, Direction direction) {
  ASSERT(id < kEntries);
  ASSERT(!is_outstanding(id));
  const uint32_t bit = uint32_t{1} << id;
  outstanding_ |= bit;
  writable_ = direction == Direction::FromDevice ? writable_ | bit : writable_ & ~bit;
  lengths_[id] = length;
  memory_->descriptors[id] = {address.value(), length, static_cast<uint16_t>(direction), 0};
  memory_->available.ring[next_available_ % kEntries] = id;
  ++next_available_;
  memory_->available.index.store(next_available_, std::memory_order_release);
}

bool Virtqueue::needs_notification() const {
  // The device may have set the flag before it saw our index: our store comes before our load
  // (2.7.13.3).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return (memory_->used.flags.load(std::memory_order_relaxed) & kUsedNoNotify) == 0;
}

std::optional<Virtqueue::Used> Virtqueue::pop_used() {
  if (broken_) return std::nullopt;
  const uint16_t device_index = memory_->used.index.load(std::memory_order_acquire);
  if (device_index == next_used_) return std::nullopt;
  // Copied once: the device may write here at any time, and what is checked must be what is used.
  UsedElement& slot = memory_->used.ring[next_used_ % kEntries];
  const UsedElement element{std::atomic_ref<uint32_t>(slot.id).load(std::memory_order_relaxed),
                            std::atomic_ref<uint32_t>(slot.length).load(std::memory_order_relaxed)};
  ++next_used_;
  if (element.id >= kEntries || !is_outstanding(static_cast<uint16_t>(element.id))) {
    broken_ = true;
    return std::nullopt;
  }
  const auto id = static_cast<uint16_t>(element.id);
  const uint32_t bit = uint32_t{1} << id;
  const uint32_t limit = (writable_ & bit) != 0 ? lengths_[id] : UINT32_MAX;
  if (element.length > limit) {
    broken_ = true;
    return std::nullopt;
  }
  outstanding_ &= ~bit;
  return Used{id, (writable_ & bit) != 0 ? element.length : 0};
}

std::optional<uint16_t> Virtqueue::free_id(uint16_t below) const {
  const auto id = static_cast<uint16_t>(std::countr_one(outstanding_));
  if (id >= below) return std::nullopt;
  return id;
}

}  // namespace nacre::dev
