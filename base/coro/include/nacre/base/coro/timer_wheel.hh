// Deadlines of one CPU: a hierarchical wheel without a tick. Setting and cancelling are constant, nothing is allocated.
//
// Time is counted in ticks of 1,024 ns. Level 0 has a slot for each of the 64 ticks of the current block, level 1 one for
// each of the 64 blocks of the next larger one, and so on; nine levels span all of 64 bits. A timer lies at the level of the
// highest group of six bits in which its tick differs from the wheel's, so that everything in one level is earlier than
// everything in the next. When the wheel's time enters a slot of a higher level, its timers move down; each moves at most
// eight times. Within a tick timers expire in the order in which they were set, and none before its deadline.
//
// The CPU of the wheel inserts and expires. A timer may be cancelled on any CPU, because its coroutine may have moved: the
// wheel's lock protects all, and callbacks run under it. A callback wakes somebody and does nothing else.
#pragma once

#include <cstdint>

#include "nacre/base/core/intrusive_list.hh"
#include "nacre/base/core/panic.hh"
#include "nacre/base/coro/spin_lock.hh"

namespace nacre::coro {

inline constexpr uint64_t kNever = ~uint64_t{0};

class TimerWheel;

// One deadline. Lives in the frame of whoever waits; leaves the wheel when it is destroyed. Its owner sets and cancels it;
// only the expiry comes from elsewhere.
class Timer : public ListNode {
 public:
  using Expired = void (*)(Timer&) noexcept;

  explicit Timer(Expired expired) noexcept : expired_(expired) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { cancel(); }

  // As its wheel's CPU sees it.
  [[nodiscard]] bool is_pending() const noexcept { return is_linked(); }
  [[nodiscard]] uint64_t deadline_ns() const noexcept { return deadline_ns_; }
  // After this the callback does not run, and if it ran before, it is over. True if it did not run.
  bool cancel() noexcept;

 private:
  friend class TimerWheel;

  TimerWheel* wheel_ = nullptr;  // the one it was set on; the owner's
  uint64_t deadline_ns_ = 0;
  Expired expired_;
  uint8_t level_ = 0;  // where it is, while it is linked
  uint8_t slot_ = 0;
};

class TimerWheel {
 public:
  TimerWheel() = default;
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  ~TimerWheel() { DEBUG_ASSERT(count_.load(std::memory_order_relaxed) == 0); }

  // On the CPU of the wheel. A timer that is set already is cancelled first.
  void insert(Timer& timer, uint64_t deadline_ns) noexcept;
  // When expire() has something to do: exact if that lies in the current 64 ticks or few timers are near it, otherwise
  // the start of the earliest slot, which may be earlier. kNever if there is none.
  [[nodiscard]] uint64_t next_deadline_ns() noexcept;
  // Removes the timers whose deadline is not after `now_ns` and calls each.
  void expire(uint64_t now_ns) noexcept;
  [[nodiscard]] bool is_empty() const noexcept {
    return count_.load(std::memory_order_relaxed) == 0;
  }
  // Timers that are set.
  [[nodiscard]] uint64_t size() const noexcept { return count_.load(std::memory_order_relaxed); }

 private:
  friend class Timer;

  static constexpr unsigned kTickShift = 10;
  static constexpr unsigned kSlotBits = 6;
  static constexpr unsigned kSlots = 1u << kSlotBits;
  static constexpr unsigned kLevels = 9;
  static_assert(kTickShift + kSlotBits * kLevels == 64);
  static constexpr unsigned kNoLevel = kLevels;
  // How far next_deadline_ns() looks into a slot for the exact time.
  static constexpr unsigned kLook = 8;

  [[nodiscard]] bool remove(Timer& timer) noexcept;
  void place(Timer& timer) noexcept REQUIRES(lock_);
  void take_out(Timer& timer) noexcept REQUIRES(lock_);
  [[nodiscard]] unsigned first_level() const noexcept REQUIRES(lock_);
  [[nodiscard]] uint64_t start_of(unsigned level, unsigned slot) const noexcept REQUIRES(lock_);
  [[nodiscard]] uint64_t find_next() noexcept REQUIRES(lock_);
  [[nodiscard]] bool fire_slot(unsigned slot, uint64_t now_ns) noexcept REQUIRES(lock_);

  SpinLock lock_{LockRank::TimerWheel};
  Atomic<uint64_t> count_{0};  // changes under the lock
  uint64_t tick_ GUARDED_BY(lock_) = 0;
  // The earliest deadline if known, so that looking costs nothing while nothing changes.
  uint64_t next_ns_ GUARDED_BY(lock_) = kNever;
  bool next_is_known_ GUARDED_BY(lock_) = true;
  uint64_t occupied_[kLevels] GUARDED_BY(lock_) = {};
  IntrusiveList<Timer> slots_[kLevels][kSlots] GUARDED_BY(lock_);
};

}  // namespace nacre::coro
