#include "cpu_turn.hh"

#include <bit>

#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/cpus.hh"
#include "nacre/kernel/arch/interrupts.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/trap/user_mode.hh"

namespace nacre::kwasm {
namespace {

// On a CPU at most one turn is hooked: that of the strand which runs there.
constinit thread_local CpuTurn* current_turn = nullptr;

CpuId this_cpu() {
  return arch::this_cpu().id;
}

// A CPU in user mode comes back by the interrupt; one in the kernel finds the slice over when it next arms its timer.
void preempt(CpuId cpu) noexcept {
  if (cpu != this_cpu()) arch::interrupt_cpu(cpu);
}

}  // namespace

sched::CpuScheduler& cpu_scheduler() {
  static sched::CpuScheduler scheduler(static_cast<uint32_t>(std::popcount(arch::running_cpus())),
                                       &preempt);
  return scheduler;
}

// co_await: until the claim is settled.
struct CpuTurn::Grant {
  CpuTurn& turn;

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> coroutine) noexcept {
    turn.waiter_.arm(coroutine);
    return !cpu_scheduler().acquire(turn, this_cpu(), arch::now_ns());
  }
  void await_resume() noexcept { turn.waiter_.disarm(); }
};

// co_await: a place in the queue instead of the processor, until the claim is settled again.
struct CpuTurn::Rotation {
  CpuTurn& turn;

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> coroutine) noexcept {
    turn.waiter_.arm(coroutine);
    cpu_scheduler().rotate(turn, arch::now_ns());
  }
  void await_resume() noexcept { turn.waiter_.disarm(); }
};

CpuTurn::CpuTurn(sched::CpuAccount& account, trap::UserContext* context) noexcept
    : Claim(account, [](Claim& claim) noexcept { static_cast<CpuTurn&>(claim).waiter_.wake(); }),
      context_(context) {}

CpuTurn::~CpuTurn() {
  if (is_hooked_) {
    coro::current_strand().at_suspension(nullptr);
    on_suspension();
  } else {
    cpu_scheduler().release(*this, arch::now_ns());
  }
}

bool CpuTurn::try_begin() noexcept {
  if (!cpu_scheduler().try_acquire(*this, this_cpu(), arch::now_ns())) return false;
  hook();
  return true;
}

coro::Task<void> CpuTurn::begin() {
  for (;;) {
    co_await Grant{*this};
    if (has_begun()) break;
    const uint64_t until_ns = cpu_scheduler().throttled_until_ns(*this, arch::now_ns());
    if (until_ns != 0) co_await coro::sleep_until(until_ns);
  }
  go_on();
}

coro::Task<void> CpuTurn::pause() {
  coro::current_strand().at_suspension(nullptr);
  unhook();
  leave_registers();
  if (cpu_scheduler().charge(*this, arch::now_ns())) {
    co_await Rotation{*this};
  } else {
    co_await coro::yield();
  }
  if (has_begun()) go_on();
}

// Perhaps on another CPU than the one that it was granted on.
void CpuTurn::go_on() noexcept {
  cpu_scheduler().start(*this, this_cpu(), arch::now_ns());
  hook();
}

void CpuTurn::hook() noexcept {
  coro::current_strand().at_suspension(this);
  is_hooked_ = true;
  current_turn = this;
}

void CpuTurn::unhook() noexcept {
  is_hooked_ = false;
  current_turn = nullptr;
}

coro::Task<void> CpuTurn::yield() {
  CpuTurn* const turn = current_turn;
  co_await coro::yield();
  if (turn != nullptr && !turn->has_begun()) co_await turn->begin();
}

// The next that runs here may be another.
void CpuTurn::leave_registers() noexcept {
  if (context_ != nullptr) trap::forget_registers(*context_);
}

void CpuTurn::on_suspension() noexcept {
  unhook();
  leave_registers();
  const uint64_t now_ns = arch::now_ns();
  (void)cpu_scheduler().charge(*this, now_ns);
  cpu_scheduler().release(*this, now_ns);
}

}  // namespace nacre::kwasm
