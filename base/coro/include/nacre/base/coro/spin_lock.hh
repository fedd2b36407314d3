// A spin lock whose word also carries the state of what it protects: held for tens of instructions, never across a
// suspension. Interrupts are off in the kernel (INV-13), so nothing interrupts a holder.
//
// Values of the word: the highest bit is set while a CPU is inside; the others are the state, which changes only when a holder
// leaves.
// That both are one word has a use: who sees a state without taking the lock knows that the CPU that made it is out, and
// may destroy the lock with whatever it is part of.
//
// The order of locks: base/core/lock_rank.hh.
#pragma once

#include <cstdint>

#include "nacre/base/core/lock_rank.hh"
#include "nacre/base/core/thread_safety.hh"
#include "nacre/base/coro/atomic.hh"

namespace nacre::coro {

class CAPABILITY("lock") SpinLock {
 public:
  // The sign: a test of it is one instruction.
  static constexpr uint32_t kLocked = uint32_t{1} << 31;

  constexpr explicit SpinLock(LockRank rank = LockRank::Waited) noexcept : rank_(rank) {}
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  // Returns the state.
  uint32_t lock() noexcept ACQUIRES() {
    rank_.take();
    return acquire();
  }
  // Beside one of the same rank: who takes two orders them by their addresses.
  uint32_t lock_second() noexcept ACQUIRES() {
    rank_.take_second();
    return acquire();
  }
  void unlock(uint32_t state = 0) noexcept RELEASES() {
    rank_.give_back();
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
  uint32_t acquire() noexcept {
    while (true) {
      // The acquire pairs with the release in unlock.
      const uint32_t before = word_.fetch_or(kLocked, std::memory_order_acquire);
      if ((before & kLocked) == 0) [[likely]]
        return before;
      while ((word_.load(std::memory_order_relaxed) & kLocked) != 0) spin_hint();
    }
  }

  Atomic<uint32_t> word_{0};
  [[no_unique_address]] CheckedRank rank_;
};

// Leaves the state as it was.
class SCOPED_CAPABILITY SpinGuard {
 public:
  struct Second {};

  explicit SpinGuard(SpinLock& lock) noexcept ACQUIRES(lock) : lock_(lock), state_(lock.lock()) {}
  SpinGuard(SpinLock& lock, Second) noexcept ACQUIRES(lock)
      : lock_(lock), state_(lock.lock_second()) {}
  ~SpinGuard() RELEASES() { lock_.unlock(state_); }
  SpinGuard(const SpinGuard&) = delete;
  SpinGuard& operator=(const SpinGuard&) = delete;

 private:
  SpinLock& lock_;
  uint32_t state_;
};

}  // namespace nacre::coro
