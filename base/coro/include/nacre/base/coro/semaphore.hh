// A number of permits: who comes while there is none waits in order, and a permit that is given back goes to the next. For
// any CPU.
#pragma once

#include <cstddef>
#include <utility>

#include "nacre/base/coro/scheduler.hh"

namespace nacre::coro {

class Semaphore {
 public:
  // Given back when it is destroyed.
  class [[nodiscard]] Permit {
   public:
    Permit(Permit&& other) noexcept : semaphore_(std::exchange(other.semaphore_, nullptr)) {}
    Permit& operator=(Permit&&) = delete;
    ~Permit() {
      if (semaphore_ != nullptr) semaphore_->release();
    }
    // It is used up: nothing is given back.
    void consume() noexcept { semaphore_ = nullptr; }

   private:
    friend class Semaphore;
    explicit Permit(Semaphore& semaphore) noexcept : semaphore_(&semaphore) {}
    Semaphore* semaphore_;
  };

  explicit Semaphore(size_t permits) noexcept : permits_(permits) {}
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  [[nodiscard]] size_t available() const noexcept {
    const SpinGuard guard(lock_);
    return permits_;
  }
  // One more.
  void release() noexcept {
    const SpinGuard guard(lock_);
    if (Waiter* next = waiters_.pop_front()) {
      next->wake();
    } else {
      ++permits_;
    }
  }

  // auto permit = co_await semaphore.acquire();
  [[nodiscard]] auto acquire() noexcept {
    struct Awaiter {
      using Value = Permit;

      Semaphore& semaphore;
      Waiter waiter{};
      explicit Awaiter(Semaphore& s) noexcept : semaphore(s) {}
      Awaiter(const Awaiter&) = delete;
      Awaiter& operator=(const Awaiter&) = delete;
      ~Awaiter() { abandon(); }
      [[nodiscard]] bool await_ready() const noexcept { return false; }
      [[nodiscard]] bool await_suspend(std::coroutine_handle<> coroutine) noexcept {
        waiter.arm(coroutine);
        const SpinGuard guard(semaphore.lock_);
        // Nobody waits while there are permits.
        if (semaphore.permits_ != 0) {
          --semaphore.permits_;
          waiter.disarm();
          return false;
        }
        semaphore.waiters_.push_back(waiter);
        return true;
      }
      [[nodiscard]] Permit await_resume() noexcept {
        waiter.finish(semaphore.lock_);
        return take();
      }
      // Ends the wait: whether a permit is ours.
      [[nodiscard]] bool settle() noexcept { return waiter.settle(semaphore.lock_); }
      void abandon() noexcept {
        if (waiter.is_armed() && settle()) semaphore.release();
      }
      [[nodiscard]] Permit take() const noexcept { return Permit(semaphore); }
    };
    return Awaiter(*this);
  }

 private:
  mutable SpinLock lock_;
  size_t permits_ GUARDED_BY(lock_);
  IntrusiveList<Waiter> waiters_;  // under the lock; empty unless permits_ is 0
};

}  // namespace nacre::coro
