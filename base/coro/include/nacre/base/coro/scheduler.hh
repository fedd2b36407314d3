// What runs coroutines on one CPU (or, in host programs, on one thread): a queue of those that can go on, and deadlines.
// kernel/exec adds the loop, sleeping and wake-ups from other CPUs.
//
// A Waiter is one suspended coroutine; it lives in the coroutine's own frame, so that waiting and waking allocate nothing.
// Its states:
//   Idle → Waiting     suspend_on(list)
//   Waiting → Ready    wake(): moved from the list to the queue of the scheduler that it was suspended on
//   Ready → Idle       the scheduler resumes it
//   any → gone         the frame is destroyed: it leaves whatever list it is on. This is how tasks are cancelled.
//
// Everything here belongs to one CPU and takes no lock; other CPUs send work (exec::Executor::post_remote).
#pragma once

#include <coroutine>
#include <cstdint>

#include "nacre/base/core/intrusive_list.hh"
#include "nacre/base/core/panic.hh"
#include "nacre/base/coro/timer_queue.hh"

namespace nacre::coro {

class Scheduler;

class Waiter : public ListNode {
 public:
  enum class State : uint8_t { Idle, Waiting, Ready };

  Waiter() = default;

  [[nodiscard]] State state() const noexcept { return state_; }
  // The coroutine waits on a list of the caller's.
  void suspend_on(IntrusiveList<Waiter>& list, std::coroutine_handle<> coroutine) noexcept;
  // The coroutine waits for a wake() by someone who knows it.
  void suspend(std::coroutine_handle<> coroutine) noexcept;
  // It will run soon. Only while Waiting.
  void wake() noexcept;

 private:
  friend class Scheduler;

  std::coroutine_handle<> coroutine_;
  Scheduler* home_ = nullptr;
  State state_ = State::Idle;
};

class Scheduler {
 public:
  Scheduler() = default;
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // The one that runs the calling coroutine.
  [[nodiscard]] static Scheduler& current() noexcept {
    Scheduler* scheduler = current_or_null();
    ASSERT(scheduler != nullptr);
    return *scheduler;
  }
  [[nodiscard]] static Scheduler* current_or_null() noexcept;

  // Makes a scheduler current while it runs, and the one before it afterwards.
  class Running {
   public:
    explicit Running(Scheduler& scheduler) noexcept;
    ~Running();
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

   private:
    Scheduler* before_;
  };

  // Resumes at most `limit` coroutines in the order in which they became ready. Returns how many it resumed.
  uint64_t run_ready(uint64_t limit);
  [[nodiscard]] bool has_ready() const noexcept { return !ready_.is_empty(); }
  [[nodiscard]] TimerQueue& timers() noexcept { return timers_; }

 private:
  friend class Waiter;

  IntrusiveList<Waiter> ready_;
  TimerQueue timers_;
};

// co_await yield(): lets everybody who is ready go first.
[[nodiscard]] inline auto yield() noexcept {
  struct Awaiter {
    Waiter waiter;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> coroutine) noexcept {
      waiter.suspend(coroutine);
      waiter.wake();
    }
    void await_resume() const noexcept {}
  };
  return Awaiter{};
}

// A deadline on which a Waiter is woken, if nobody else woke it before.
class Timeout : public Timer {
 public:
  explicit Timeout(Waiter& waiter) noexcept
      : Timer([](Timer& timer) noexcept { static_cast<Timeout&>(timer).expire(); }),
        waiter_(waiter) {}
  // Starts to count, unless the deadline is kNever.
  void start(uint64_t deadline_ns) noexcept {
    if (deadline_ns != kNever) Scheduler::current().timers().insert(*this, deadline_ns);
  }
  [[nodiscard]] bool has_expired() const noexcept { return expired_; }

 private:
  void expire() noexcept {
    if (waiter_.state() != Waiter::State::Waiting) return;
    expired_ = true;
    waiter_.wake();
  }

  Waiter& waiter_;
  bool expired_ = false;
};

// co_await sleep_until(t): goes on when the scheduler's clock has reached t (nanoseconds).
[[nodiscard]] inline auto sleep_until(uint64_t deadline_ns) noexcept {
  struct Awaiter {
    uint64_t deadline_ns;
    Waiter waiter{};
    Timeout timeout{waiter};
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> coroutine) noexcept {
      waiter.suspend(coroutine);
      timeout.start(deadline_ns);
    }
    void await_resume() const noexcept {}
  };
  return Awaiter{deadline_ns};
}

}  // namespace nacre::coro
