#include "nacre/kernel/mm/budget.hh"

namespace nacre::mm {

bool Budget::try_charge(ByteSize size) noexcept {
  uint64_t used = used_.load(std::memory_order_relaxed);
  do {
    if (size.bytes() > limit_ - used) return false;
  } while (!used_.compare_exchange_weak(used, used + size.bytes(), std::memory_order_relaxed));
  return true;
}

void Budget::release(ByteSize size) noexcept {
  const uint64_t before = used_.fetch_sub(size.bytes(), std::memory_order_relaxed);
  ASSERT(before >= size.bytes());
}

}  // namespace nacre::mm
