#include "nacre/kernel/mm/lock.hh"

#include "nacre/base/core/panic.hh"

namespace nacre::mm {

void Lock::wait() noexcept {
  if (is_mine()) panic("deadlock: this CPU takes a memory lock that it holds already");
  for (uint64_t looks = 0; looks < kPatience; ++looks) {
    if (holder_.load(std::memory_order_relaxed) != nullptr) continue;
    const char* nobody = nullptr;
    if (holder_.compare_exchange_weak(nobody, &detail::t_holder, std::memory_order_acquire,
                                      std::memory_order_relaxed)) {
      return;
    }
  }
  panic("deadlock: another CPU does not give a memory lock back");
}

}  // namespace nacre::mm
