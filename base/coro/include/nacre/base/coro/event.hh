// Event: a flag that tasks wait for. OneShot: a value that one task sends and another receives. Of one CPU, like all of
// base/coro's synchronisation.
#pragma once

#include <optional>
#include <utility>

#include "nacre/base/coro/scheduler.hh"

namespace nacre::coro {

// Stays set until reset. Destroy it only when nobody waits.
class Event {
 public:
  [[nodiscard]] bool is_set() const noexcept { return set_; }
  // Wakes all who wait now.
  void set() noexcept {
    set_ = true;
    while (Waiter* waiter = waiters_.front()) waiter->wake();
  }
  void reset() noexcept { set_ = false; }

  // co_await event.wait(). It was set at some moment; another task may have reset it since.
  [[nodiscard]] auto wait() noexcept {
    struct Awaiter {
      Event& event;
      Waiter waiter{};
      [[nodiscard]] bool await_ready() const noexcept { return event.set_; }
      void await_suspend(std::coroutine_handle<> coroutine) noexcept {
        waiter.suspend_on(event.waiters_, coroutine);
      }
      void await_resume() const noexcept {}
    };
    return Awaiter{*this};
  }

  // co_await event.wait_until(t): false if the deadline came first.
  [[nodiscard]] auto wait_until(uint64_t deadline_ns) noexcept {
    struct Awaiter {
      Event& event;
      uint64_t deadline_ns;
      Waiter waiter{};
      Timeout timeout{waiter};
      [[nodiscard]] bool await_ready() const noexcept { return event.set_; }
      void await_suspend(std::coroutine_handle<> coroutine) noexcept {
        waiter.suspend_on(event.waiters_, coroutine);
        timeout.start(deadline_ns);
      }
      [[nodiscard]] bool await_resume() const noexcept { return !timeout.has_expired(); }
    };
    return Awaiter{*this, deadline_ns};
  }

 private:
  bool set_ = false;
  IntrusiveList<Waiter> waiters_;
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
      OneShot& one_shot;
      decltype(std::declval<Event&>().wait()) wait;
      [[nodiscard]] bool await_ready() const noexcept { return wait.await_ready(); }
      void await_suspend(std::coroutine_handle<> coroutine) noexcept {
        wait.await_suspend(coroutine);
      }
      [[nodiscard]] std::optional<T> await_resume() {
        return std::exchange(one_shot.value_, std::nullopt);
      }
    };
    return Awaiter{*this, done_.wait()};
  }

 private:
  Event done_;
  std::optional<T> value_;
};

}  // namespace nacre::coro
