// Tasks that run beside each other and end together: every task belongs to a scope, and a scope is gone only when all of
// its tasks are.
//
// A task that ends by an exception does not take its siblings with it: the first exception is kept for join().
#pragma once

#include <coroutine>
#include <exception>
#include <utility>

#include "nacre/base/core/intrusive_list.hh"
#include "nacre/base/coro/event.hh"
#include "nacre/base/coro/scheduler.hh"
#include "nacre/base/coro/task.hh"

namespace nacre::coro {

class Scope {
 public:
  Scope() = default;
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  // Cancels what still runs; nobody joins any more. An exception that nobody joined for is lost.
  ~Scope() { cancel(); }

  // The task runs on the caller's scheduler, soon. Throws std::bad_alloc if there is no memory for its root.
  void spawn(Task<void> task) {
    Root root = run(*this, std::move(task));
    root.coroutine.promise().start();
  }

  [[nodiscard]] bool is_empty() const noexcept { return roots_.is_empty(); }

  // co_await scope.join(): when no task is left. Rethrows the first exception that ended one.
  [[nodiscard]] Task<void> join() {
    while (!is_empty()) {
      empty_.reset();
      co_await empty_.wait();
    }
    rethrow_failure();
  }
  // Throws the first exception that ended a task, if there is one that was not thrown yet.
  void rethrow_failure() {
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

  // Destroys all tasks where they are suspended. Not from inside one of them.
  void cancel() noexcept {
    while (RootPromise* root = roots_.front()) {
      std::coroutine_handle<RootPromise>::from_promise(*root).destroy();
    }
    empty_.set();
  }

 private:
  struct Root;

  // A coroutine that awaits the task and removes itself when that is done.
  class RootPromise : public ListNode {
   public:
    RootPromise(Scope& scope, Task<void>&) noexcept : scope_(scope) {}

    void start() noexcept {
      scope_.roots_.push_back(*this);
      waiter_.suspend(std::coroutine_handle<RootPromise>::from_promise(*this));
      waiter_.wake();
    }
    Root get_return_object() noexcept {
      return {std::coroutine_handle<RootPromise>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct Awaiter {
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<RootPromise> self) const noexcept {
          Scope& scope = self.promise().scope_;
          // Leaves the scope's list with its promise.
          self.destroy();
          if (scope.roots_.is_empty()) scope.empty_.set();
        }
        void await_resume() const noexcept {}
      };
      return Awaiter{};
    }
    void return_void() noexcept {}
    void unhandled_exception() noexcept {
      if (!scope_.failure_) scope_.failure_ = std::current_exception();
    }

   private:
    Scope& scope_;
    Waiter waiter_;
  };

  struct Root {
    using promise_type = RootPromise;
    std::coroutine_handle<RootPromise> coroutine;
  };

  static Root run(Scope&, Task<void> task) { co_await std::move(task); }

  IntrusiveList<RootPromise> roots_;
  Event empty_;
  std::exception_ptr failure_;
};

}  // namespace nacre::coro
