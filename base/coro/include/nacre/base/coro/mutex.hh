// A mutex that is held across suspensions: who comes while it is taken waits in order, and unlock hands it to the next. For
// any CPU.
#pragma once

#include <utility>

#include "nacre/base/coro/scheduler.hh"

namespace nacre::coro {

class Mutex {
 public:
  class [[nodiscard]] Guard {
   public:
    Guard(Guard&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    Guard& operator=(Guard&&) = delete;
    ~Guard() {
      if (mutex_ != nullptr) mutex_->unlock();
    }

   private:
    friend class Mutex;
    explicit Guard(Mutex& mutex) noexcept : mutex_(&mutex) {}
    Mutex* mutex_;
  };

  ~Mutex() { DEBUG_ASSERT(!is_locked()); }

  [[nodiscard]] bool is_locked() const noexcept { return (lock_.peek() & kHeld) != 0; }

  // auto guard = co_await mutex.lock();
  [[nodiscard]] auto lock() noexcept {
    struct Awaiter {
      using Value = Guard;

      Mutex& mutex;
      Waiter waiter{};
      explicit Awaiter(Mutex& m) noexcept : mutex(m) {}
      Awaiter(const Awaiter&) = delete;
      Awaiter& operator=(const Awaiter&) = delete;
      ~Awaiter() { abandon(); }
      // Cancelled, perhaps after the mutex was handed over: the next gets it.
      void abandon() noexcept {
        if (waiter.is_armed() && settle()) mutex.unlock();
      }
      [[nodiscard]] bool await_ready() const noexcept { return mutex.lock_.try_change(0, kHeld); }
      [[nodiscard]] bool await_suspend(std::coroutine_handle<> coroutine) noexcept {
        waiter.arm(coroutine);
        const uint32_t state = mutex.lock_.lock();
        if (state == 0) {
          waiter.disarm();
        } else {
          mutex.waiters_.push_back(waiter);
        }
        mutex.lock_.unlock(kHeld);
        return state != 0;
      }
      [[nodiscard]] Guard await_resume() noexcept {
        waiter.finish(mutex.lock_);
        return take();
      }
      // Ends the wait: whether the mutex is ours.
      [[nodiscard]] bool settle() noexcept { return waiter.settle(mutex.lock_); }
      [[nodiscard]] Guard take() const noexcept { return Guard(mutex); }
    };
    return Awaiter(*this);
  }

 private:
  static constexpr uint32_t kHeld = 2;  // the lock's state

  void unlock() noexcept {
    lock_.lock();
    Waiter* next = waiters_.pop_front();
    if (next != nullptr) next->wake();
    lock_.unlock(next != nullptr ? kHeld : 0);
  }

  SpinLock lock_;
  IntrusiveList<Waiter> waiters_;  // under the lock; empty unless held
};

}  // namespace nacre::coro
