// A spin lock for the few structures that all CPUs share: held for tens of instructions, never
// across a suspension, always with interrupts off. The annotations let the compiler check who holds
// it.
#pragma once

#include <atomic>

#define CAPABILITY(name) __attribute__((capability(name)))
#define SCOPED_CAPABILITY __attribute__((scoped_lockable))
#define GUARDED_BY(lock) __attribute__((guarded_by(lock)))
#define REQUIRES(lock) __attribute__((requires_capability(lock)))
#define ACQUIRES(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define RELEASES(...) __attribute__((release_capability(__VA_ARGS__)))

namespace nacre::mm {

class CAPABILITY("lock") Lock {
 public:
  constexpr Lock() = default;
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  void lock() noexcept ACQUIRES() {
    // The acquire pairs with the release in unlock.
    while (held_.exchange(true, std::memory_order_acquire)) {
      while (held_.load(std::memory_order_relaxed)) {
      }
    }
  }
  void unlock() noexcept RELEASES() { held_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> held_{false};  // true while a CPU is inside
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
