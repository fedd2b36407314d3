// A thread's use of a processor: from the moment that the scheduler of domains grants it until the thread's strand
// waits for something, or others come first at the end of its slice. All that happens in between, in user mode or in the
// kernel, is booked on the domain's account. Then the thread may go on on any CPU: what this
// one's registers still hold of it is put into its context.
//
//   try_begin() or co_await begin() → enter user mode, serve calls …
//     → an interrupt: co_await pause() → on, or given to another and begin()
//     → the strand suspends anywhere else: booked and given back → begin()
#pragma once

#include <coroutine>
#include <cstdint>

#include "nacre/base/coro/scheduler.hh"
#include "nacre/base/coro/task.hh"
#include "nacre/kernel/sched/cpu_scheduler.hh"
#include "nacre/kernel/trap/user_context.hh"

namespace nacre::kwasm {

class CpuTurn final : private sched::Claim, private coro::SuspensionHook {
 public:
  // Both outlive it. `context`: whose registers, or nullptr for work in the kernel.
  CpuTurn(sched::CpuAccount& account, trap::UserContext* context) noexcept;
  CpuTurn(const CpuTurn&) = delete;
  CpuTurn& operator=(const CpuTurn&) = delete;
  ~CpuTurn();

  // Whether it has the processor, at once.
  [[nodiscard]] bool try_begin() noexcept;
  // Waits for it.
  [[nodiscard]] coro::Task<void> begin();
  // Lets the kernel's own work go first, and, if the slice is over, whoever comes before this thread. It has begun, or, if
  // its quota is used up, not.
  [[nodiscard]] coro::Task<void> pause();
  [[nodiscard]] bool has_begun() const noexcept { return state() == State::Granted; }
  // In the middle of a call that works for long: gives the processor to whoever wants it, and waits until the turn of the strand
  // that runs now may go on; so what the call does after that is booked, too. A strand that has no turn now gets none.
  [[nodiscard]] static coro::Task<void> yield();
  // When user mode should be left for others; a time of arch::now_ns().
  using Claim::slice_end_ns;

 private:
  struct Grant;
  struct Rotation;

  void on_suspension() noexcept override;
  void leave_registers() noexcept;
  void go_on() noexcept;
  void hook() noexcept;
  void unhook() noexcept;

  trap::UserContext* const context_;
  coro::Waiter waiter_;
  bool is_hooked_ = false;  // the strand will call on_suspension()
};

// The machine's scheduler of domains; as many processors as were running when it was used first.
[[nodiscard]] sched::CpuScheduler& cpu_scheduler();

}  // namespace nacre::kwasm
