// A spin lock for the few structures that all CPUs share: never held across a suspension, always with interrupts off, so
// that a CPU is not interrupted while it holds one. The annotations let the compiler check who holds it.
//
// Their order: base/core/lock_rank.hh.
//
// A lock knows who holds it, and a wait has an end: taking a lock twice and waiting for one that is never given back are
// panics that say so, not silence.
#pragma once

#include <atomic>
#include <cstdint>

#include "nacre/base/core/lock_rank.hh"
#include "nacre/base/core/thread_safety.hh"

namespace nacre::mm {

namespace detail {
// Its address tells CPUs (on the host: threads) apart.
inline constinit thread_local char t_holder = 0;
}  // namespace detail

class CAPABILITY("lock") Lock {
 public:
  // Looks at a held lock before the wait counts as endless: seconds on any machine. What is done under a lock takes at most
  // about a million instructions (clearing a large page).
  static constexpr uint64_t kPatience = uint64_t{1} << 30;

  constexpr explicit Lock(LockRank rank) noexcept : rank_(rank) {}
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  [[gnu::always_inline]] void lock() noexcept ACQUIRES() {
    rank_.take();
    const char* nobody = nullptr;
    // The acquire pairs with the release in unlock.
    if (!holder_.compare_exchange_strong(nobody, &detail::t_holder, std::memory_order_acquire,
                                         std::memory_order_relaxed)) [[unlikely]] {
      wait();
    }
  }
  [[gnu::always_inline]] void unlock() noexcept RELEASES() {
    rank_.give_back();
    holder_.store(nullptr, std::memory_order_release);
  }
  // Whether the caller's CPU is inside: the answer for others may be old when it arrives.
  [[nodiscard]] bool is_mine() const noexcept {
    return holder_.load(std::memory_order_relaxed) == &detail::t_holder;
  }

 private:
  void wait() noexcept;

  std::atomic<const char*> holder_{nullptr};  // of whoever is inside; nullptr: free
  [[no_unique_address]] CheckedRank rank_;
};

class SCOPED_CAPABILITY LockGuard {
 public:
  explicit LockGuard(Lock& lock) noexcept ACQUIRES(lock) : lock_(lock) { lock_.lock(); }
  ~LockGuard() RELEASES() { lock_.unlock(); }
  LockGuard(const LockGuard&) = delete;
  LockGuard& operator=(const LockGuard&) = delete;

 private:
  Lock& lock_;
};

}  // namespace nacre::mm
