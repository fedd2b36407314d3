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

  // The task will run, soon: on the caller's scheduler, and, if the caller's strand may run anywhere, elsewhere. Throws
  // std::bad_alloc if there was no memory for its frame or is none for its root. While the scope is being cancelled the task is destroyed instead.
  void spawn(Task<void> task) { spawn(std::move(task), placement_of_caller()); }
  void spawn(Task<void> task, Placement placement) {
    spawn_on(Scheduler::current(), std::move(task), placement);
  }
  // Starts on that scheduler.
  void spawn_on(Scheduler& scheduler, Task<void> task, Placement placement = Placement::Pinned);

  [[nodiscard]] bool is_empty() const noexcept {
    const SpinGuard guard(lock_);
    return count_ == 0;
  }

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
  struct Root;
  struct ScopeLink : ListNode {};

  // A coroutine that awaits the task. When it has ended or is cancelled, whoever finds that out destroys it.
  class RootPromise : public ScopeLink, public Strand {
   public:
    RootPromise(Scope& scope, Scheduler& scheduler, Placement placement, Task<void>&) noexcept
        : Strand(&RootPromise::dispose_root, placement, scheduler), scope_(scope) {}

    Root get_return_object() noexcept {
      return {std::coroutine_handle<RootPromise>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept {
      finish();
      return {};
    }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { scope_.keep_failure(); }
    void destroy() noexcept { std::coroutine_handle<RootPromise>::from_promise(*this).destroy(); }

   private:
    static void dispose_root(Strand& strand) noexcept {
      auto& self = static_cast<RootPromise&>(strand);
      self.scope_.bury(self);
    }
    Scope& scope_;
  };

  struct Root {
    using promise_type = RootPromise;
    std::coroutine_handle<RootPromise> coroutine;
  };

  static Root run(Scope&, Scheduler&, Placement, Task<void> task) { co_await std::move(task); }

  // Waits until no strand is left.
  struct EmptyAwaiter {
    Scope& scope;
    Waiter waiter{};
    explicit EmptyAwaiter(Scope& s) noexcept : scope(s) {}
    EmptyAwaiter(const EmptyAwaiter&) = delete;
    EmptyAwaiter& operator=(const EmptyAwaiter&) = delete;
    ~EmptyAwaiter() {
      if (!waiter.is_armed()) return;
      const SpinGuard guard(scope.lock_);
      waiter.unlink();
    }
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    [[nodiscard]] bool await_suspend(std::coroutine_handle<> coroutine) noexcept {
      waiter.arm(coroutine);
      const SpinGuard guard(scope.lock_);
      if (scope.count_ == 0) {
        waiter.disarm();
        return false;
      }
      scope.waiters_.push_back(waiter);
      return true;
    }
    void finish() noexcept { waiter.finish(scope.lock_); }
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

  [[nodiscard]] static Placement placement_of_caller() noexcept {
    const Strand* strand = Scheduler::current().running();
    return strand == nullptr ? Placement::Pinned : strand->placement();
  }
  void keep_failure() noexcept {
    std::exception_ptr failure = std::current_exception();
    const SpinGuard guard(lock_);
    if (!failure_) failure_ = std::move(failure);
  }
  // Destroys a root that nobody runs any more.
  void bury(RootPromise& root) noexcept;
  void count_out() noexcept;
  void end_strands() noexcept;
  void end_cancelling() noexcept {
    const SpinGuard guard(lock_);
    cancelling_ = false;
  }

  mutable SpinLock lock_;
  bool cancelling_ NACRE_GUARDED_BY(lock_) = false;
  size_t count_ NACRE_GUARDED_BY(lock_) = 0;  // strands whose roots are not destroyed yet
  IntrusiveList<ScopeLink> roots_;            // those that cancelling has not taken; under the lock
  IntrusiveList<Waiter> waiters_;             // under the lock
  std::exception_ptr failure_;                // set under the lock, taken when no strand is left
};

}  // namespace nacre::coro
