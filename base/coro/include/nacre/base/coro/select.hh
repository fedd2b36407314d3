// Waiting for the first of several things, and for a task that may take only so long.
//
//   const auto first = co_await select(event.wait(), channel.receive(), deadline(t));
//   if (first.index() == 1) use(std::get<1>(first));
//
// If several have come, the first in the list is taken. What the others were given (a mutex, a channel's value) goes to the
// next who waits for it, so that nothing is lost.
//
// What can be waited for: awaiters with await_ready() and await_suspend() as usual, and
//   Value           what they result in
//   settle()        ends a wait that await_suspend() began; whether it was successful
//   abandon()       ends such a wait and gives away what came of it
//   take() → Value  after success
#pragma once

#include <coroutine>
#include <cstdint>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "nacre/base/coro/event.hh"
#include "nacre/base/coro/scheduler.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/base/coro/task.hh"

namespace nacre::coro {

// For select(): has come when the scheduler's clock has reached `deadline_ns`. Never: kNever.
[[nodiscard]] inline auto deadline(uint64_t deadline_ns) noexcept {
  struct Awaiter {
    using Value = std::monostate;

    uint64_t deadline_ns;
    Timeout timeout{};
    explicit Awaiter(uint64_t d) noexcept : deadline_ns(d) {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    [[nodiscard]] bool await_suspend(std::coroutine_handle<>) noexcept {
      timeout.start(current_strand(), deadline_ns);
      return true;
    }
    [[nodiscard]] bool settle() noexcept { return !timeout.cancel(); }
    void abandon() noexcept { timeout.cancel(); }
    [[nodiscard]] Value take() const noexcept { return {}; }
  };
  return Awaiter(deadline_ns);
}

namespace detail {

template <class... Awaiters>
class SelectAwaiter {
 public:
  using Result = std::variant<typename Awaiters::Value...>;

  explicit SelectAwaiter(Awaiters&... awaiters) noexcept : awaiters_(awaiters...) {}
  SelectAwaiter(const SelectAwaiter&) = delete;
  SelectAwaiter& operator=(const SelectAwaiter&) = delete;

  [[nodiscard]] bool await_ready() {
    return for_each([this](auto index, auto& awaiter) {
      if (!awaiter.await_ready()) return false;
      first_ = index;
      return true;
    });
  }
  [[nodiscard]] bool await_suspend(std::coroutine_handle<> coroutine) {
    strand_ = &current_strand();
    strand_->will_resume_at(coroutine);
    const bool is_over = for_each([&](auto index, auto& awaiter) {
      if (awaiter.await_suspend(coroutine)) {
        begun_ = index + 1;
        return false;
      }
      first_ = index;
      return true;
    });
    return !is_over;
  }
  [[nodiscard]] Result await_resume() {
    for_each([this](auto index, auto& awaiter) {
      if (index >= begun_) return true;
      if (first_ != kNone) {
        awaiter.abandon();
      } else if (awaiter.settle()) {
        first_ = index;
      }
      return false;
    });
    // All are off: what else woke us comes from those that lost.
    if (strand_ != nullptr) strand_->forget_wakes();
    std::optional<Result> result;
    for_each([&](auto index, auto& awaiter) {
      if (index != first_) return false;
      result.emplace(std::in_place_index<decltype(index)::value>, awaiter.take());
      return true;
    });
    ASSERT(result.has_value());
    return std::move(*result);
  }

 private:
  static constexpr size_t kNone = sizeof...(Awaiters);

  // Calls with (index, awaiter) until one call returns true; whether one did.
  template <class Action>
  bool for_each(Action&& action) {
    return [&]<size_t... I>(std::index_sequence<I...>) {
      return (action(std::integral_constant<size_t, I>(), std::get<I>(awaiters_)) || ...);
    }(std::index_sequence_for<Awaiters...>());
  }

  std::tuple<Awaiters&...> awaiters_;
  Strand* strand_ = nullptr;
  size_t begun_ = 0;      // waits that were begun
  size_t first_ = kNone;  // the one that came
};

template <class T>
Task<void> keep_result_within(Task<T> task, std::optional<T>* result, Event* done) {
  struct SetAtEnd {
    Event* event;
    ~SetAtEnd() { event->set(); }
  };
  const SetAtEnd at_end{done};
  result->emplace(co_await std::move(task));
}

}  // namespace detail

// The awaiters live until the co_await of the result is over: in `co_await select(…)` they do.
template <class... Awaiters>
[[nodiscard]] auto select(Awaiters&&... awaiters) noexcept {
  return detail::SelectAwaiter<std::remove_reference_t<Awaiters>...>(awaiters...);
}

// The task's result, or nothing if it was not there by the deadline: then the task is cancelled and gone.
template <class T>
[[nodiscard]] Task<std::optional<T>> within(uint64_t deadline_ns, Task<T> task) {
  std::optional<T> result;
  Event done;
  Scope scope;
  scope.spawn(detail::keep_result_within(std::move(task), &result, &done));
  if (!co_await done.wait_until(deadline_ns)) co_await scope.cancel();
  co_await scope.join();
  co_return std::move(result);
}

}  // namespace nacre::coro
