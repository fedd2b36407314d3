// A mutex that is held across suspensions: who comes while it is taken waits in order, and unlock hands it to the next.
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

  ~Mutex() { DEBUG_ASSERT(!locked_); }

  [[nodiscard]] bool is_locked() const noexcept { return locked_; }

  // auto guard = co_await mutex.lock();
  [[nodiscard]] auto lock() noexcept {
    struct Awaiter {
      Mutex& mutex;
      Waiter waiter{};
      explicit Awaiter(Mutex& m) noexcept : mutex(m) {}
      Awaiter(const Awaiter&) = delete;
      // Cancelled after the mutex was handed over, but before the coroutine ran: the next gets it.
      ~Awaiter() {
        if (waiter.state() == Waiter::State::Ready) mutex.unlock();
      }
      [[nodiscard]] bool await_ready() const noexcept {
        return !std::exchange(mutex.locked_, true);
      }
      void await_suspend(std::coroutine_handle<> coroutine) noexcept {
        waiter.suspend_on(mutex.waiters_, coroutine);
      }
      [[nodiscard]] Guard await_resume() const noexcept { return Guard(mutex); }
    };
    return Awaiter(*this);
  }

 private:
  void unlock() noexcept {
    DEBUG_ASSERT(locked_);
    if (Waiter* next = waiters_.front()) {
      next->wake();
    } else {
      locked_ = false;
    }
  }

  bool locked_ = false;
  IntrusiveList<Waiter> waiters_;
};

}  // namespace nacre::coro
