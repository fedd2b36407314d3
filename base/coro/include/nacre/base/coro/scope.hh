// Strands that run beside each other and end together: every strand belongs to a scope, and a scope is gone only when all of
// its strands are.
//
// A strand that ends by an exception does not take its siblings with it: the first exception is kept for join().
//
// Cancelling: what waits is destroyed where it waits; what is queued, is taken out of its queue or destroyed by the CPU that
// takes it off; what runs on another CPU ends at its next suspension, and that CPU is told to hurry. co_await cancel()
// suspends until the last is gone. cancel_now() and the destructor cannot suspend: they spin for those that run on other CPUs,
// which lasts as long as one step of a strand between two suspensions, and meanwhile destroy what others want destroyed
// here. Prefer cancel().
#pragma once

#include <coroutine>
#include <exception>
#include <utility>

#include "nacre/base/core/intrusive_list.hh"
#include "nacre/base/coro/scheduler.hh"
#include "nacre/base/coro/task.hh"

namespace nacre::coro {

class Scope {
 public:
  Scope() = default;
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  // Cancels what still runs; nobody joins any more. An exception that nobody joined for is lost.
  ~Scope() { cancel_now(); }

  // The task will run, soon: on the caller's scheduler, and, if the caller's strand may run anywhere, elsewhere. Allocates
  // nothing; throws std::bad_alloc if there was no memory for the task. While the scope is being cancelled the task is destroyed
  // instead.
  void spawn(Task<void> task) { start_beside_caller(std::move(task).release()); }
  void spawn(Task<void> task, Placement placement) {
    start(std::move(task).release(), Scheduler::current(), placement);
  }
  // Starts on that scheduler.
  void spawn_on(Scheduler& scheduler, Task<void> task, Placement placement = Placement::Pinned) {
    start(std::move(task).release(), scheduler, placement);
  }

  [[nodiscard]] bool is_empty() const noexcept { return count(lock_.peek()) == 0; }

  // co_await scope.join(): when no strand is left. Rethrows the first exception that ended one.
  [[nodiscard]] auto join() noexcept { return JoinAwaiter(*this); }
  // Throws the first exception that ended a strand, if there is one that was not thrown yet.
  void rethrow_failure() {
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

  // co_await scope.cancel(): ends all strands; goes on when the last is gone. Not from inside one of them. If the wait
  // is itself cancelled, the strands end all the same.
  [[nodiscard]] auto cancel() noexcept { return CancelAwaiter(*this); }
  // The same without suspending.
  void cancel_now() noexcept;

 private:
  friend class Root;
  friend class Scheduler;
  friend class Strand;

  // The lock's state: whether the scope is being cancelled, and how many strands it has whose tasks are not destroyed yet.
  static constexpr uint32_t kCancelling = 2;
  static constexpr uint32_t kOneStrand = 4;
  [[nodiscard]] static uint32_t count(uint32_t state) noexcept { return state / kOneStrand; }

  // Waits until no strand is left. They are few: a list that is searched when a wait is cancelled.
  struct EmptyAwaiter {
    Scope& scope;
    // That waits. The awaiter's own; but who wakes it to go on next on the same CPU, and so is out of the scope before it does,
    // clears it.
    Strand* strand = nullptr;
    EmptyAwaiter* next;  // set and read under the scope's lock, while it waits

    explicit EmptyAwaiter(Scope& s) noexcept : scope(s) {}
    EmptyAwaiter(const EmptyAwaiter&) = delete;
    EmptyAwaiter& operator=(const EmptyAwaiter&) = delete;
    ~EmptyAwaiter() {
      if (strand != nullptr) [[unlikely]]
        scope.forget(*this);
    }
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    [[nodiscard]] bool await_suspend(std::coroutine_handle<> coroutine) noexcept {
      return scope.wait(*this, coroutine) != 0;
    }
    void finish() noexcept {
      if (strand == nullptr) [[likely]]
        return;
      scope.lock_.wait_until_free();
      strand = nullptr;
    }
  };
  struct JoinAwaiter : EmptyAwaiter {
    using EmptyAwaiter::EmptyAwaiter;
    void await_resume() {
      this->finish();
      this->scope.rethrow_failure();
    }
  };
  struct CancelAwaiter : EmptyAwaiter {
    using EmptyAwaiter::EmptyAwaiter;
    [[nodiscard]] bool await_suspend(std::coroutine_handle<> coroutine) noexcept {
      this->scope.end_strands();
      return EmptyAwaiter::await_suspend(coroutine);
    }
    void await_resume() noexcept {
      this->finish();
      this->scope.end_cancelling();
    }
  };

  void start(Task<void>::Handle task, Scheduler& scheduler, Placement placement);
  void start_beside_caller(Task<void>::Handle task);
  void start_from(Scheduler* caller, Task<void>::Handle task, Scheduler& scheduler,
                  Placement placement);
  void keep_failure(std::exception_ptr failure) noexcept;
  // Returns how many strands are left; if there are none, nobody waits.
  [[nodiscard]] uint32_t wait(EmptyAwaiter& awaiter, std::coroutine_handle<> coroutine) noexcept;
  // Destroys a root that nobody runs any more.
  void bury(Root& root) noexcept;
  // Takes a root off the list: whoever cancels looks at its strands under the lock, so that it is its owner's alone.
  void take_out(Root& root) noexcept;
  // A task is gone. Returns who goes on next on the scheduler that is between two strands, if one is and one does.
  Strand* count_out(Scheduler* between) noexcept;
  void wake_joiners() noexcept REQUIRES(lock_);
  void forget(EmptyAwaiter& awaiter) noexcept;
  void end_strands() noexcept;
  void end_cancelling() noexcept;

  mutable SpinLock lock_{LockRank::Scope};
  EmptyAwaiter* joiners_ GUARDED_BY(lock_) = nullptr;
  IntrusiveList<ScopeLink> roots_ GUARDED_BY(lock_);  // those that cancelling has not taken
  std::exception_ptr failure_;  // set under the lock, taken when no strand is left
};

// ---- The end of a strand: part of the loop of schedulers ----

[[gnu::always_inline]] inline void Scope::take_out(Root& root) noexcept {
  const SpinGuard guard(lock_);
  roots_.remove_for_good(root);
}

[[gnu::always_inline]] inline Strand* Scope::count_out(Scheduler* between) noexcept {
  const uint32_t state = lock_.lock() - kOneStrand;
  Strand* next = nullptr;
  if (count(state) == 0) [[likely]] {
    EmptyAwaiter* const joiner = joiners_;
    if (joiner != nullptr && joiner->next == nullptr) [[likely]] {
      joiners_ = nullptr;
      Strand& strand = *joiner->strand;
      if (strand.wake_between(between)) {
        joiner->strand = nullptr;
        next = &strand;
      }
    } else {
      wake_joiners();
    }
  }
  // The one who waits may destroy the scope as soon as the lock is free.
  lock_.unlock(state);
  return next;
}

}  // namespace nacre::coro
