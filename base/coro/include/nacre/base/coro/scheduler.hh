// What runs strands on one CPU (or, in host programs, on one thread): a queue of those that can go on, and deadlines.
// kernel/exec adds the loop, sleeping, and the CPUs' knowledge of each other.
//
// The queue is a list under a spin lock: its own CPU takes from the front, any CPU appends, CPUs without work take some that
// are not pinned, and a canceller takes out what it cancels. A strand is queued on its home; stealing changes the home while
// both queues are locked, so that "home and linked" under the home's lock is the truth.
//
// The first of the queue may lie beside the list (first_), where only its own CPU reaches it: what this CPU makes ready when
// nothing else is takes neither lock nor list. It is pinned, so that nobody could steal it. To other CPUs it is like a strand
// that was just taken off: whoever cancels it leaves it to its CPU.
//
// A Waiter is one suspended coroutine on the list of what it waits for; it lives in the coroutine's own frame, so that
// waiting and waking allocate nothing.
#pragma once

#include <coroutine>
#include <cstdint>

#include "nacre/base/core/intrusive_list.hh"
#include "nacre/base/core/panic.hh"
#include "nacre/base/coro/spin_lock.hh"
#include "nacre/base/coro/strand.hh"
#include "nacre/base/coro/timer_wheel.hh"

namespace nacre::coro {

class Scheduler {
 public:
  // Told about work that its CPU may not notice by itself. kernel/exec's wakes sleeping CPUs.
  class Monitor {
   public:
    virtual ~Monitor() = default;
    // A strand was queued on `scheduler`; `local`: by its own CPU.
    virtual void on_queued(Scheduler& scheduler, bool local, Placement placement) noexcept = 0;
    // A strand that runs there is to end: whatever it does outside the kernel should stop.
    virtual void on_cancel_running(Scheduler& scheduler) noexcept = 0;
  };

  Scheduler() = default;
  explicit Scheduler(Monitor& monitor) noexcept : monitor_(&monitor) {}
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // The one that runs the calling coroutine.
  [[nodiscard]] static Scheduler& current() noexcept;
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

  // Resumes at most `limit` strands in the order in which they became ready, until it comes to one that has just yielded: then
  // it is time to look at clocks and devices. Returns how many it resumed.
  uint64_t run_ready(uint64_t limit);
  // By what runs here: run_ready() returns when this strand suspends. For one that takes long, so that timers and interrupts
  // are looked at before the next.
  void end_batch() noexcept { batch_limit_ = 0; }
  // Destroys the strands at hand that were cancelled, and runs nothing: for one who must wait for another CPU.
  void dispose_cancelled() noexcept;
  // Takes up to half of the other's strands that may move, at most `limit`. Returns how many.
  uint64_t steal_from(Scheduler& victim, uint64_t limit) noexcept;

  // For its own CPU.
  [[nodiscard]] bool has_ready() const noexcept { return counts() != 0 || first() != nullptr; }
  [[nodiscard]] uint64_t ready_count() const noexcept {
    return (counts() & (kOneStealable - 1)) + (first() != nullptr ? 1 : 0);
  }
  // Of those, how many may run elsewhere.
  [[nodiscard]] uint64_t stealable_count() const noexcept { return counts() / kOneStealable; }
  [[nodiscard]] TimerWheel& timers() noexcept { return timers_; }
  // The strand that is running here; nullptr between strands.
  [[nodiscard]] Strand* running() const noexcept { return running_; }

 private:
  friend class Root;
  friend class Scope;
  friend class Strand;

  // What is ready goes on here, behind the others.
  void enqueue(Strand& strand) noexcept;
  void enqueue_from(Scheduler* caller, Strand& strand, Placement placement) noexcept;
  // Onto the list. `local`: by its own CPU.
  void append(Strand& strand, bool local) noexcept;
  // What is first on the list, unless it is the one that yielded.
  [[nodiscard]] Strand* pop() noexcept;
  [[nodiscard]] Strand* take_first() noexcept;
  [[nodiscard]] Strand* run(Strand& strand);
  uint64_t steal_locked(Scheduler& victim, uint64_t limit) noexcept REQUIRES(lock_, victim.lock_);
  // False if it is not on this queue.
  [[nodiscard]] bool remove(Strand& strand) noexcept;
  void link(Strand& strand) noexcept REQUIRES(lock_);
  void unlink(Strand& strand) noexcept REQUIRES(lock_);

  // Of the word that counts the queue: ready strands below, those of them that may move above.
  static constexpr uint64_t kOneStealable = uint64_t{1} << 32;
  [[nodiscard]] uint64_t counts() const noexcept { return counts_.load(std::memory_order_relaxed); }
  [[nodiscard]] Strand* first() const noexcept { return first_.load(std::memory_order_relaxed); }
  [[nodiscard]] static uint64_t count_of(const Strand& strand) noexcept {
    static_assert(static_cast<uint64_t>(Placement::Pinned) == 0 &&
                  static_cast<uint64_t>(Placement::Any) == 1);
    return 1 + kOneStealable * static_cast<uint64_t>(strand.placement_);
  }

  SpinLock lock_{LockRank::ReadyQueue};
  IntrusiveList<Strand> ready_ GUARDED_BY(lock_);
  // Changes under the lock, and is looked at without.
  Atomic<uint64_t> counts_{0};
  Strand* running_ = nullptr;
  Scope* ended_in_ = nullptr;  // of the strand that has just ended; until run() has told it
  // Changed by its own CPU only; others see that there is one.
  Atomic<Strand*> first_{nullptr};
  uint64_t batch_limit_ = 0;  // strands that run_ready() resumes
  // The first that run_ready() queued again. Only an address: the strand may be gone.
  const Strand* first_again_ = nullptr;
  Monitor* monitor_ = nullptr;
  TimerWheel timers_;
};

inline void Strand::wake() noexcept {
  // Acquire and release: the waker's writes are seen by the one who resumes, and what the strand wrote before it was
  // suspended by the waker, who may pass it on.
  if (state_.fetch_or(kWoken, std::memory_order_acq_rel) == 0) home().enqueue(*this);
}

inline bool Strand::wake_between(Scheduler* scheduler) noexcept {
  if (state_.fetch_or(kWoken, std::memory_order_acq_rel) != 0) return false;
  Scheduler& at = home();
  if (&at == scheduler && !at.has_ready()) [[likely]]
    return true;
  at.enqueue(*this);
  return false;
}

// The strand that the caller is part of.
[[nodiscard]] Strand& current_strand() noexcept;

// One suspended coroutine on a list. The list's lock protects the links; `strand` is the waiting coroutine's own.
//   suspend():   arm(), then under the lock: look once more, push_back
//   the waker, under the lock: pop_front, wake()
//   resumption:  disarm() after the lock was seen free: the waker is out
//   destroyed while armed: the coroutine was cancelled. Under the lock: still linked → unlink; otherwise what it was given
//                is given to the next.
class Waiter : public ListNode {
 public:
  Waiter() = default;

  void arm(std::coroutine_handle<> coroutine) noexcept {
    strand_ = &current_strand();
    strand_->will_resume_at(coroutine);
  }
  void disarm() noexcept { strand_ = nullptr; }
  [[nodiscard]] bool is_armed() const noexcept { return strand_ != nullptr; }
  [[nodiscard]] Strand& strand() const noexcept { return *strand_; }
  void wake() noexcept { strand_->wake(); }

  // On resumption, if it waited: until the waker is out of the list's lock.
  void finish(const SpinLock& lock) noexcept {
    if (!is_armed()) return;
    lock.wait_until_free();
    disarm();
  }
  // Ends the wait, if it has not ended yet; whether it had.
  [[nodiscard]] bool settle(SpinLock& lock) noexcept {
    const SpinGuard guard(lock);
    const bool over = !is_linked();
    unlink();
    disarm();
    return over;
  }

 private:
  Strand* strand_ = nullptr;
};

// Wakes a strand at a deadline, whatever else it waits for.
class Timeout : public Timer {
 public:
  Timeout() noexcept
      : Timer([](Timer& timer) noexcept { static_cast<Timeout&>(timer).strand_->wake(); }) {}
  // By the strand itself. Never, if the deadline is kNever.
  void start(Strand& strand, uint64_t deadline_ns) noexcept {
    strand_ = &strand;
    if (deadline_ns != kNever) Scheduler::current().timers().insert(*this, deadline_ns);
  }

 private:
  Strand* strand_ = nullptr;
};

// co_await yield(): lets everybody who is ready go first.
[[nodiscard]] inline auto yield() noexcept {
  struct Awaiter {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> coroutine) const noexcept {
      Strand& strand = current_strand();
      strand.will_resume_at(coroutine);
      // While it still runs: the scheduler queues it when it has come out.
      strand.wake();
    }
    void await_resume() const noexcept {}
  };
  return Awaiter{};
}

// co_await sleep_until(t): goes on when the scheduler's clock has reached t (nanoseconds).
[[nodiscard]] inline auto sleep_until(uint64_t deadline_ns) noexcept {
  struct Awaiter {
    uint64_t deadline_ns;
    Timeout timeout{};
    explicit Awaiter(uint64_t deadline) noexcept : deadline_ns(deadline) {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> coroutine) noexcept {
      Strand& strand = current_strand();
      strand.will_resume_at(coroutine);
      timeout.start(strand, deadline_ns);
    }
    void await_resume() const noexcept {}
  };
  return Awaiter{deadline_ns};
}

}  // namespace nacre::coro
