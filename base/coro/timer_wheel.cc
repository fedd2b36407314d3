#include "nacre/base/coro/timer_wheel.hh"

#include <algorithm>
#include <bit>

namespace nacre::coro {

bool Timer::cancel() noexcept {
  if (wheel_ == nullptr) return true;
  const bool was_pending = wheel_->remove(*this);
  wheel_ = nullptr;
  return was_pending;
}

void TimerWheel::place(Timer& timer) noexcept {
  // What is overdue belongs to the present.
  const uint64_t tick = std::max(timer.deadline_ns_ >> kTickShift, tick_);
  const uint64_t difference = tick ^ tick_;
  const unsigned level =
      difference == 0 ? 0 : (63 - static_cast<unsigned>(std::countl_zero(difference))) / kSlotBits;
  const unsigned slot = static_cast<unsigned>(tick >> (level * kSlotBits)) % kSlots;
  timer.level_ = static_cast<uint8_t>(level);
  timer.slot_ = static_cast<uint8_t>(slot);
  slots_[level][slot].push_back(timer);
  occupied_[level] |= uint64_t{1} << slot;
}

void TimerWheel::take_out(Timer& timer) noexcept {
  timer.unlink();
  if (slots_[timer.level_][timer.slot_].is_empty()) {
    occupied_[timer.level_] &= ~(uint64_t{1} << timer.slot_);
  }
  count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
}

void TimerWheel::insert(Timer& timer, uint64_t deadline_ns) noexcept {
  timer.cancel();
  timer.wheel_ = this;
  timer.deadline_ns_ = deadline_ns;
  const SpinGuard guard(lock_);
  place(timer);
  count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (deadline_ns < next_ns_) next_ns_ = deadline_ns;
}

bool TimerWheel::remove(Timer& timer) noexcept {
  const SpinGuard guard(lock_);
  if (!timer.is_linked()) return false;
  if (timer.deadline_ns_ == next_ns_) next_is_known_ = false;
  take_out(timer);
  return true;
}

unsigned TimerWheel::first_level() const noexcept {
  unsigned level = 0;
  while (level < kLevels && occupied_[level] == 0) ++level;
  return level;
}

// The first tick of a slot that lies ahead.
uint64_t TimerWheel::start_of(unsigned level, unsigned slot) const noexcept {
  const unsigned shift = level * kSlotBits;
  const uint64_t above = shift + kSlotBits < 64 ? tick_ >> (shift + kSlotBits) : 0;
  return ((above << kSlotBits) | slot) << shift;
}

uint64_t TimerWheel::find_next() noexcept {
  const unsigned level = first_level();
  if (level == kNoLevel) return kNever;
  const unsigned slot = static_cast<unsigned>(std::countr_zero(occupied_[level]));
  uint64_t earliest = kNever;
  unsigned looked = 0;
  IntrusiveList<Timer>& list = slots_[level][slot];
  for (Timer* timer = list.front(); timer != nullptr; timer = list.next(*timer)) {
    if (level != 0 && ++looked > kLook) return start_of(level, slot) << kTickShift;
    earliest = std::min(earliest, timer->deadline_ns_);
  }
  return earliest;
}

uint64_t TimerWheel::next_deadline_ns() noexcept {
  if (is_empty()) return kNever;
  const SpinGuard guard(lock_);
  if (!next_is_known_) {
    next_ns_ = find_next();
    next_is_known_ = true;
  }
  return next_ns_;
}

// Of a slot of level 0. False if something in it is not due yet.
bool TimerWheel::fire_slot(unsigned slot, uint64_t now_ns) noexcept {
  IntrusiveList<Timer>& list = slots_[0][slot];
  bool all = true;
  Timer* next = nullptr;
  for (Timer* timer = list.front(); timer != nullptr; timer = next) {
    next = list.next(*timer);
    if (timer->deadline_ns_ > now_ns) {
      all = false;
      continue;
    }
    take_out(*timer);
    // It may be gone when the lock is free again.
    timer->expired_(*timer);
  }
  return all;
}

void TimerWheel::expire(uint64_t now_ns) noexcept {
  if (is_empty()) return;
  const uint64_t target = now_ns >> kTickShift;
  const SpinGuard guard(lock_);
  if (next_is_known_ && next_ns_ > now_ns) return;
  while (true) {
    const unsigned level = first_level();
    if (level == kNoLevel) break;
    const unsigned slot = static_cast<unsigned>(std::countr_zero(occupied_[level]));
    const uint64_t start = start_of(level, slot);
    if (start > target) break;
    tick_ = start;
    if (level == 0) {
      if (!fire_slot(slot, now_ns)) break;
      continue;
    }
    // Everything below is empty: these move down, relative to the new present.
    IntrusiveList<Timer> moving;
    moving.take_all(slots_[level][slot]);
    occupied_[level] &= ~(uint64_t{1} << slot);
    while (Timer* timer = moving.pop_front()) place(*timer);
  }
  tick_ = std::max(tick_, target);
  next_ns_ = find_next();
  next_is_known_ = true;
}

}  // namespace nacre::coro
