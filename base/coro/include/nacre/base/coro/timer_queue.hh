// Deadlines in order: an intrusive pairing heap. Insert and the look at the first are constant, remove and pop logarithmic
// (amortised), and nothing is allocated.
#pragma once

#include <cstdint>

#include "nacre/base/core/panic.hh"

namespace nacre::coro {

inline constexpr uint64_t kNever = ~uint64_t{0};

// One deadline. Lives in the frame of whoever waits; leaves the queue when it is destroyed.
class Timer {
 public:
  using Expired = void (*)(Timer&) noexcept;

  explicit Timer(Expired expired) noexcept : expired_(expired) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { cancel(); }

  [[nodiscard]] bool is_pending() const noexcept { return queue_ != nullptr; }
  [[nodiscard]] uint64_t deadline_ns() const noexcept { return deadline_ns_; }
  void cancel() noexcept;

 private:
  friend class TimerQueue;

  class TimerQueue* queue_ = nullptr;  // that it is in
  Timer* child_ = nullptr;             // the first of those whose deadlines are not earlier
  Timer* next_ = nullptr;              // sibling
  Timer* previous_ = nullptr;          // sibling, or the parent if this is its first child
  uint64_t deadline_ns_ = 0;
  Expired expired_;
};

class TimerQueue {
 public:
  TimerQueue() = default;
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;
  ~TimerQueue() { DEBUG_ASSERT(first_ == nullptr); }

  void insert(Timer& timer, uint64_t deadline_ns) noexcept;
  // kNever if there is none.
  [[nodiscard]] uint64_t next_deadline_ns() const noexcept {
    return first_ == nullptr ? kNever : first_->deadline_ns_;
  }
  // Removes the timers whose deadline is not after `now_ns`, earliest first, and calls each.
  void expire(uint64_t now_ns) noexcept;

 private:
  friend class Timer;
  [[nodiscard]] static Timer* meld(Timer* a, Timer* b) noexcept;
  [[nodiscard]] static Timer* meld_siblings(Timer* first) noexcept;
  void remove(Timer& timer) noexcept;

  Timer* first_ = nullptr;
};

}  // namespace nacre::coro
