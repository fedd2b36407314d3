// A spin lock whose word also carries the state of what it protects: held for tens of instructions, never across a
// suspension. Interrupts are off in the kernel (INV-13), so nothing interrupts a holder.
//
// Values of the word: bit 0 is set while a CPU is inside; the others are the state, which changes only when a holder leaves.
// That both are one word has a use: who sees a state without taking the lock knows that the CPU that made it is out, and
// may destroy the lock with whatever it is part of.
#pragma once

#include <cstdint>

#include "nacre/base/coro/atomic.hh"

#define NACRE_CAPABILITY(name) __attribute__((capability(name)))
#define NACRE_SCOPED_CAPABILITY __attribute__((scoped_lockable))
#define NACRE_GUARDED_BY(lock) __attribute__((guarded_by(lock)))
#define NACRE_REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#define NACRE_ACQUIRES(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define NACRE_RELEASES(...) __attribute__((release_capability(__VA_ARGS__)))

namespace nacre::coro {

class NACRE_CAPABILITY("lock") SpinLock {
 public:
  static constexpr uint32_t kLocked = 1;

  constexpr SpinLock() = default;
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  // Returns the state; bit 0 is clear.
  uint32_t lock() noexcept NACRE_ACQUIRES() {
    while (true) {
      // The acquire pairs with the release in unlock.
      const uint32_t before = word_.fetch_or(kLocked, std::memory_order_acquire);
      if ((before & kLocked) == 0) [[likely]]
        return before;
      while ((word_.load(std::memory_order_relaxed) & kLocked) != 0) spin_hint();
    }
  }
  void unlock(uint32_t state = 0) noexcept NACRE_RELEASES() {
    word_.store(state, std::memory_order_release);
  }

  // The state, and the lock bit, at some moment.
  [[nodiscard]] uint32_t peek() const noexcept { return word_.load(std::memory_order_acquire); }
  // From `from` to `to` if nobody is inside; both are states.
  [[nodiscard]] bool try_change(uint32_t from, uint32_t to) noexcept {
    return word_.compare_exchange_strong(from, to, std::memory_order_acq_rel,
                                         std::memory_order_relaxed);
  }
  // Until whoever is inside has left. For one who was woken by it, before the lock goes away.
  void wait_until_free() const noexcept {
    while ((word_.load(std::memory_order_acquire) & kLocked) != 0) spin_hint();
  }

 private:
  Atomic<uint32_t> word_{0};
};

// Leaves the state as it was.
class NACRE_SCOPED_CAPABILITY SpinGuard {
 public:
  explicit SpinGuard(SpinLock& lock) noexcept NACRE_ACQUIRES(lock)
      : lock_(lock), state_(lock.lock()) {}
  ~SpinGuard() NACRE_RELEASES() { lock_.unlock(state_); }
  SpinGuard(const SpinGuard&) = delete;
  SpinGuard& operator=(const SpinGuard&) = delete;

 private:
  SpinLock& lock_;
  uint32_t state_;
};

}  // namespace nacre::coro
