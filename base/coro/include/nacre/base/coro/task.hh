// Task<T>: a coroutine that starts when it is awaited and hands its result to the one that awaits it, by symmetric
// transfer. It knows no executor; whoever resumes a leaf decides where the whole chain runs.
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
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "nacre/base/core/error.hh"
#include "nacre/base/core/panic.hh"

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

struct FinalAwaiter {
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  template <class Promise>
  [[nodiscard]] std::coroutine_handle<> await_suspend(
      std::coroutine_handle<Promise> self) const noexcept {
    std::coroutine_handle<> next = self.promise().continuation;
    return next ? next : std::noop_coroutine();
  }
  void await_resume() const noexcept {}
};

class PromiseBase {
 public:
  std::coroutine_handle<> continuation;  // who awaits us; none for a root that is resumed by hand

  std::suspend_always initial_suspend() noexcept { return {}; }
  FinalAwaiter final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { exception_ = std::current_exception(); }

 protected:
  void rethrow_if_failed() {
    if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
  }

 private:
  std::exception_ptr exception_;
};

template <class T>
class Promise final : public PromiseBase {
 public:
  Task<T> get_return_object() noexcept;
  [[clang::coro_wrapper]] static Task<T> get_return_object_on_allocation_failure() noexcept;
  template <class U = T>
  void return_value(U&& value) {
    result_.emplace(std::forward<U>(value));
  }
  T take() {
    rethrow_if_failed();
    return std::move(*result_);
  }

 private:
  std::optional<T> result_;
};

template <>
class Promise<void> final : public PromiseBase {
 public:
  Task<void> get_return_object() noexcept;
  [[clang::coro_wrapper]] static Task<void> get_return_object_on_allocation_failure() noexcept;
  void return_void() noexcept {}
  void take() { rethrow_if_failed(); }
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
