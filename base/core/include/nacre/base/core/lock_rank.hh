// The order in which spin locks are taken, outermost first: who holds one takes only locks that come later. Kernels that
// check themselves (those with DEBUG_ASSERT) panic with both names when it is broken; in others a rank is nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "nacre/base/core/panic.hh"

namespace nacre {

enum class LockRank : uint8_t {
  Domains,       // kernel/wasm: the list of all
  UserRuntime,   // its pages
  Faults,        // kernel/fault: the kernel's tables
  FiberStacks,   // kernel/exec
  Scope,         // base/coro, and the next two
  TimerWheel,    //
  Waited,        // of what strands wait for
  CpuScheduler,  // kernel/sched
  ReadyQueue,    // base/coro
  Interrupts,    // kernel/dev
  AddressSpace,  // kernel/mm, and all that follow
  Asids,         //
  Random,        //
  Heap,          // of one size class
  FrameCache,    // of a CPU
  Frames,        // the free lists
};

inline constexpr std::array<std::string_view, 16> kLockRankNames = {
    "Domains", "UserRuntime",  "Faults",     "FiberStacks", "Scope",        "TimerWheel",
    "Waited",  "CpuScheduler", "ReadyQueue", "Interrupts",  "AddressSpace", "Asids",
    "Random",  "Heap",         "FrameCache", "Frames"};
static_assert(static_cast<size_t>(LockRank::Frames) + 1 == kLockRankNames.size());

// The ranks of the locks that one CPU (on the host: thread) holds.
class HeldLocks {
 public:
  // Panics if a lock of this or a later rank is held.
  void take(LockRank rank) {
    check(rank, held_ >> index(rank));
    held_ |= uint32_t{1} << index(rank);
  }
  // Beside one of the same rank, by who orders the two in another way.
  void take_second(LockRank rank) { check(rank, held_ >> index(rank) >> 1); }
  void give_back(LockRank rank) { held_ &= ~(uint32_t{1} << index(rank)); }
  [[nodiscard]] bool is_empty() const { return held_ == 0; }

 private:
  static unsigned index(LockRank rank) { return static_cast<unsigned>(rank); }
  void check(LockRank wanted, uint32_t too_late) const {
    if (too_late != 0) [[unlikely]]
      report(wanted);
  }
  [[noreturn]] void report(LockRank wanted) const;

  uint32_t held_ = 0;  // a bit a rank
};

// A lock's rank where it is checked.
#if defined(NDEBUG) || defined(NACRE_MODEL)
class CheckedRank {
 public:
  constexpr explicit CheckedRank(LockRank) noexcept {}
  void take() const noexcept {}
  void take_second() const noexcept {}
  void give_back() const noexcept {}
  static void expect_none() noexcept {}
};
#else
class CheckedRank {
 public:
  constexpr explicit CheckedRank(LockRank rank) noexcept : rank_(rank) {}
  void take() const noexcept { t_held.take(rank_); }
  void take_second() const noexcept { t_held.take_second(rank_); }
  void give_back() const noexcept { t_held.give_back(rank_); }
  // Panics if this CPU holds a lock: where none may be held.
  static void expect_none() noexcept {
    if (!t_held.is_empty()) [[unlikely]]
      panic("a spin lock is held across a suspension");
  }

 private:
  inline static constinit thread_local HeldLocks t_held;
  LockRank rank_;
};
#endif

}  // namespace nacre
