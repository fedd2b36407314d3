// A strand: one chain of coroutines, from the task that a Scope was given to the leaf that runs or waits. It is what
// schedulers queue, steal and cancel; a coroutine handle alone never leaves its strand. It lies in the frame of the task.
//
// One atomic word says who may touch the rest. Its values, and who owns the strand:
//   0                      suspended: whoever wakes it, or cancels it
//   Woken                  queued: the scheduler whose queue it is on (or, for a moment, the one that is about to queue it)
//   Running                the CPU that runs it
//   Running+Woken          the same; woken before it was out of its last suspension: that CPU queues it again
//   Cancelled              taken by the one who cancelled it while it was suspended: it destroys the strand
//   …+Cancelled            asked to end: who takes it off a queue, or whose resume() returns, destroys it
// Every transition is one atomic operation that also tells what was before:
//   wake()       or Woken:      0 → queued by the waker; otherwise the owner finds the bit
//   run          xor Woken, Running: queued → running
//   suspended    and not Running: 0 → nobody's; Woken → queue it again; Cancelled → destroy it
//   cancel       or Cancelled:  0 → taken
// Destroying a suspended coroutine destroys all that it awaits, leaves first, and every awaiter leaves its list.
//
// Wakes are never lost and never spurious: a waker calls wake() while it holds the lock of what the strand waits on, and
// whoever ends a wait leaves all lists under those locks before it goes on.
#pragma once

#include <coroutine>
#include <cstdint>
#include <exception>

#include "nacre/base/core/intrusive_list.hh"
#include "nacre/base/core/panic.hh"
#include "nacre/base/coro/atomic.hh"

namespace nacre::coro {

class Scheduler;
class Scope;

// Where a strand may run.
enum class Placement : uint8_t {
  Pinned,  // on one CPU: what uses the CPU's own state or devices across suspensions
  Any,     // where there is time for it
};

// What somebody wants to do when the strand that runs now suspends, before it may go on elsewhere.
class SuspensionHook {
 public:
  virtual void on_suspension() noexcept = 0;

 protected:
  ~SuspensionHook() = default;
};

class Strand : public ListNode {
 public:
  [[nodiscard]] Placement placement() const noexcept { return placement_; }
  // The scheduler that it runs on, or last ran on, or will start on.
  [[nodiscard]] Scheduler& home() const noexcept { return *home_.load(std::memory_order_relaxed); }

  // What it is doing, for reports; kept by kernel/trace (the innermost span). Touched by the strand itself, and by the coroutines
  // of it that are destroyed.
  [[nodiscard]] const void*& context() noexcept { return context_; }
  // The coroutine that it goes on with; only while it does not run.
  [[nodiscard]] std::coroutine_handle<> resume_point() const noexcept { return resume_point_; }
  // By its own leaf, before it tells anybody whom to wake: where it goes on.
  void will_resume_at(std::coroutine_handle<> leaf) noexcept { resume_point_ = leaf; }
  // It goes on, soon. Called under the lock that keeps the strand from leaving what it waits on.
  void wake() noexcept;  // in scheduler.hh
  // The same, by a scheduler between two strands; nullptr: wake(). True: it goes on next there, and the scheduler knows.
  [[nodiscard]] bool wake_between(Scheduler* scheduler) noexcept;
  // By the strand itself, when everything that might wake it is off: a wake that came after another is forgotten.
  void forget_wakes() noexcept { state_.fetch_and(~kWoken, std::memory_order_relaxed); }
  // By the strand itself: the hook is called once, at the next suspension, unless it is taken back by nullptr.
  void at_suspension(SuspensionHook* hook) noexcept { suspension_hook_ = hook; }

  // Asks it to end. True: it is the caller's, who calls dispose(); otherwise somebody else will, as soon as it can.
  // Until dispose() is called, by anybody, the strand must be kept alive by a lock that dispose() takes.
  [[nodiscard]] bool request_cancel() noexcept;
  // Destroys the root, and the strand with it. In scope.cc: every strand is a Root.
  void dispose() noexcept;

 private:
  friend class Scheduler;
  friend class Root;

  Strand(std::coroutine_handle<> root, Placement placement, Scheduler& home) noexcept
      : placement_(placement), resume_point_(root), home_(&home) {}
  ~Strand() = default;

  static constexpr uint32_t kWoken = 1;
  static constexpr uint32_t kRunning = 2;
  static constexpr uint32_t kCancelled = uint32_t{1} << 31;  // the sign: one instruction tests it

  Atomic<uint32_t> state_{kWoken};
  Placement placement_;
  std::coroutine_handle<> resume_point_;
  const void* context_ = nullptr;
  SuspensionHook* suspension_hook_ = nullptr;
  // Changed by the owner; while the strand is on a queue, under that queue's lock.
  Atomic<Scheduler*> home_;
};

// On the list of a scope.
struct ScopeLink : ListNode {};

// A strand as its scope keeps it.
class Root final : public ScopeLink, public Strand {
 public:
  Root(std::coroutine_handle<> task, Scope& scope, Placement placement, Scheduler& home) noexcept
      : Strand(task, placement, home), task_(task), scope_(scope) {}

  // By the task, when it has ended: what remains of its frame goes by itself. In scheduler.cc.
  void end() noexcept;
  // Before, if it was by an exception.
  void fail(std::exception_ptr failure) noexcept;
  // The task's frame, which the strand lies in.
  [[nodiscard]] std::coroutine_handle<> task() const noexcept { return task_; }
  [[nodiscard]] Scope& scope() const noexcept { return scope_; }

 private:
  const std::coroutine_handle<> task_;
  Scope& scope_;
};

}  // namespace nacre::coro
