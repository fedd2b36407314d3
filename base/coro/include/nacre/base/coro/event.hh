// Event: a flag that strands wait for. OneShot: a value that one sends and another receives. For any CPU.
//
// Who was woken by an event, or saw it set, may destroy it: the CPU that set it is out of it by then.
#pragma once

#include <optional>
#include <utility>

#include "nacre/base/coro/scheduler.hh"

namespace nacre::coro {

// Stays set until reset. Destroy it only when nobody waits.
class Event {
 public:
  [[nodiscard]] bool is_set() const noexcept { return lock_.peek() == kSet; }
  // Wakes all who wait now.
  void set() noexcept {
    // Nobody waits while it is set.
    if (is_set()) return;
    lock_.lock();
    while (Waiter* waiter = waiters_.pop_front()) waiter->wake();
    lock_.unlock(kSet);
  }
  void reset() noexcept {
    if (lock_.peek() == 0) return;
    lock_.lock();
    lock_.unlock(0);
  }

 private:
  static constexpr uint32_t kSet = 2;  // the lock's state

  // What the waits below have in common; also for select (select.hh).
  struct WaitBase {
    using Value = bool;

    Event& event;
    Waiter waiter{};

    explicit WaitBase(Event& e) noexcept : event(e) {}
    WaitBase(const WaitBase&) = delete;
    WaitBase& operator=(const WaitBase&) = delete;
    ~WaitBase() { abandon(); }
    [[nodiscard]] bool await_ready() const noexcept { return event.is_set(); }
    // False: it is set after all.
    [[nodiscard]] bool await_suspend(std::coroutine_handle<> coroutine) noexcept {
      waiter.arm(coroutine);
      const uint32_t state = event.lock_.lock();
      if (state == kSet) {
        waiter.disarm();
      } else {
        event.waiters_.push_back(waiter);
      }
      event.lock_.unlock(state);
      return state != kSet;
    }
    // Ends the wait: whether the event came.
    [[nodiscard]] bool settle() noexcept { return waiter.settle(event.lock_); }
    // Ends the wait if it lasts: nobody wants to know.
    void abandon() noexcept {
      if (waiter.is_armed()) (void)settle();
    }
    [[nodiscard]] bool take() const noexcept { return true; }
  };

 public:
  // co_await event.wait(). It was set at some moment; another strand may have reset it since.
  [[nodiscard]] auto wait() noexcept {
    struct Awaiter : WaitBase {
      using WaitBase::WaitBase;
      void await_resume() noexcept { this->waiter.finish(this->event.lock_); }
    };
    return Awaiter(*this);
  }

  // co_await event.wait_until(t): false if the deadline came first.
  [[nodiscard]] auto wait_until(uint64_t deadline_ns) noexcept {
    struct Awaiter : WaitBase {
      uint64_t deadline_ns;
      Timeout timeout{};
      Awaiter(Event& e, uint64_t deadline) noexcept : WaitBase(e), deadline_ns(deadline) {}
      [[nodiscard]] bool await_suspend(std::coroutine_handle<> coroutine) noexcept {
        if (!WaitBase::await_suspend(coroutine)) return false;
        timeout.start(this->waiter.strand(), deadline_ns);
        return true;
      }
      [[nodiscard]] bool await_resume() noexcept {
        if (!this->waiter.is_armed()) return true;
        timeout.cancel();
        Strand& strand = this->waiter.strand();
        const bool came = this->settle();
        strand.forget_wakes();
        return came;
      }
    };
    return Awaiter(*this, deadline_ns);
  }

 private:
  SpinLock lock_;
  IntrusiveList<Waiter> waiters_;  // under the lock; empty while the event is set
};

// Sent at most once, received at most once.
template <class T>
class OneShot {
 public:
  void send(T value) {
    ASSERT(!done_.is_set());
    value_.emplace(std::move(value));
    done_.set();
  }
  // Nothing will be sent any more.
  void close() noexcept { done_.set(); }

  // co_await one_shot.receive(): the value, or nothing if it was closed instead.
  [[nodiscard]] auto receive() noexcept {
    struct Awaiter {
      using Value = std::optional<T>;

      OneShot& one_shot;
      decltype(std::declval<Event&>().wait()) wait;
      explicit Awaiter(OneShot& o) noexcept : one_shot(o), wait(o.done_.wait()) {}
      [[nodiscard]] bool await_ready() const noexcept { return wait.await_ready(); }
      [[nodiscard]] bool await_suspend(std::coroutine_handle<> coroutine) noexcept {
        return wait.await_suspend(coroutine);
      }
      [[nodiscard]] std::optional<T> await_resume() {
        wait.await_resume();
        return take();
      }
      [[nodiscard]] bool settle() noexcept { return wait.settle(); }
      void abandon() noexcept { wait.abandon(); }
      [[nodiscard]] std::optional<T> take() { return std::exchange(one_shot.value_, std::nullopt); }
    };
    return Awaiter(*this);
  }

 private:
  Event done_;
  std::optional<T> value_;
};

}  // namespace nacre::coro
