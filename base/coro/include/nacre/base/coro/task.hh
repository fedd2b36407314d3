// Task<T>: a coroutine that starts when it is awaited and hands its result to the one that awaits it, by symmetric
// transfer. It knows no executor; whoever resumes a leaf decides where the whole chain runs.
//
// A Task<void> may also become the root of a strand (scope.hh): the strand lies in its frame, so that spawning a task
// allocates nothing.
//
// When there is no memory for a frame, the call yields a Task without one: awaiting it gives an Error for a
// Task<Result<T>>, and throws std::bad_alloc for others.
//
// States of a Task's frame: created (suspended at the start) → running/suspended at a leaf → done (suspended at the end,
// result stored) → destroyed with the Task. Destroying a Task that is not done destroys its children first, because each
// child lives in its parent's frame.
#pragma once

#include <coroutine>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "nacre/base/core/error.hh"
#include "nacre/base/core/panic.hh"
#include "nacre/base/coro/strand.hh"

namespace nacre::coro {

template <class T>
class Task;

namespace detail {

template <class T>
inline constexpr bool kIsResult = false;
template <class T>
inline constexpr bool kIsResult<Result<T>> = true;

// What a Task without a frame results in.
template <class T>
T no_frame() {
  if constexpr (kIsResult<T>) {
    return fail(ErrorCode::OutOfMemory, "out of memory");
  } else {
    throw std::bad_alloc();
  }
}

// A promise is also what its coroutine awaits at its end, so that this takes no room in the frame.
class PromiseBase {
 public:
  std::coroutine_handle<> continuation;  // who awaits us; none for a root

  PromiseBase() noexcept = default;
  PromiseBase(const PromiseBase&) = delete;
  PromiseBase& operator=(const PromiseBase&) = delete;

  std::suspend_always initial_suspend() noexcept { return {}; }
  // The end: goes on with the coroutine that awaits this one, or returns to whoever resumed it.
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<>) const noexcept {
    return continuation ? continuation : std::noop_coroutine();
  }
  void await_resume() const noexcept {}

 protected:
  bool has_failed_ = false;
  bool has_root_ = false;  // Promise<void>'s; here it costs no room
};

template <class T>
class Promise final : public PromiseBase {
 public:
  Promise() noexcept {}
  ~Promise() {
    if (has_failed_) [[unlikely]]
      std::destroy_at(&failure_);
  }

  Task<T> get_return_object() noexcept;
  [[clang::coro_wrapper]] static Task<T> get_return_object_on_allocation_failure() noexcept;
  template <class U = T>
  void return_value(U&& value) {
    result_.emplace(std::forward<U>(value));
  }
  void unhandled_exception() noexcept {
    std::construct_at(&failure_, std::current_exception());
    has_failed_ = true;
  }
  Promise& final_suspend() noexcept { return *this; }
  T take() {
    if (has_failed_) [[unlikely]]
      std::rethrow_exception(failure_);
    return std::move(*result_);
  }

 private:
  // Made when it is needed: an std::exception_ptr calls the C++ runtime even when it is empty.
  union {
    std::exception_ptr failure_;
  };
  std::optional<T> result_;
};

// Either awaited, or the root of a strand: what the one keeps for whoever awaits it, the other tells its scope.
template <>
class Promise<void> final : public PromiseBase {
 public:
  Promise() noexcept {}
  // Nothing is left for a root's destructor: an ended or cancelled strand is on no list.
  ~Promise() {
    if (has_failed_) [[unlikely]]
      std::destroy_at(&failure_);
  }

  Task<void> get_return_object() noexcept;
  [[clang::coro_wrapper]] static Task<void> get_return_object_on_allocation_failure() noexcept;
  void return_void() noexcept {}
  void unhandled_exception() noexcept {
    if (has_root_) return root_.fail(std::current_exception());
    std::construct_at(&failure_, std::current_exception());
    has_failed_ = true;
  }
  Promise& final_suspend() noexcept { return *this; }
  // A root's frame, which nobody awaits or holds any more, does not stop at its end, but goes.
  [[nodiscard]] bool await_ready() noexcept {
    if (!has_root_) return false;
    root_.end();
    [[assume(!has_failed_)]];  // its scope has the failure
    return true;
  }
  void take() {
    if (has_failed_) [[unlikely]]
      std::rethrow_exception(failure_);
  }

  // Makes it the root of a strand. It was not awaited.
  Root& make_root(Scope& scope, Placement placement, Scheduler& home) noexcept {
    has_root_ = true;
    return *std::construct_at(&root_, std::coroutine_handle<Promise>::from_promise(*this), scope,
                              placement, home);
  }

 private:
  union {
    std::exception_ptr failure_;
    Root root_;
  };
};

}  // namespace detail

template <class T = void>
class [[nodiscard, clang::coro_return_type, clang::coro_lifetimebound]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  auto operator co_await() && noexcept {
    struct Awaiter {
      Handle child;
      [[nodiscard]] bool await_ready() const noexcept { return !child || child.done(); }
      [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) noexcept {
        child.promise().continuation = parent;
        return child;
      }
      T await_resume() {
        if (!child) [[unlikely]]
          return detail::no_frame<T>();
        return child.promise().take();
      }
    };
    return Awaiter{handle_};
  }

  // For roots: runs until the first suspension of a leaf.
  void resume() {
    if (handle_) handle_.resume();
  }
  [[nodiscard]] bool done() const { return !handle_ || handle_.done(); }
  // Result of a finished root; rethrows what it threw.
  [[nodiscard]] T take() {
    if (!handle_) [[unlikely]]
      return detail::no_frame<T>();
    ASSERT(handle_.done());
    return handle_.promise().take();
  }
  // The caller's from now on; none if there was no memory for the frame.
  [[nodiscard]] Handle release() && noexcept { return std::exchange(handle_, nullptr); }

 private:
  friend promise_type;
  explicit Task(Handle handle) noexcept : handle_(handle) {}

  Handle handle_;
};

namespace detail {

template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
template <class T>
Task<T> Promise<T>::get_return_object_on_allocation_failure() noexcept {
  return Task<T>(nullptr);
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object_on_allocation_failure() noexcept {
  return Task<void>(nullptr);
}

}  // namespace detail

// Runs a task whose leaves never suspend (host programs, tests) and returns its result.
template <class T>
T run_inline(Task<T> task) {
  task.resume();
  return task.take();
}

}  // namespace nacre::coro
