#include "nacre/kernel/exec/kernel_port.hh"

#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/interrupts.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/trap/dispatch.hh"

namespace nacre::exec {

using arch::InterruptSource;

KernelPort::KernelPort(CpuId cpu) noexcept : cpu_(cpu) {
  arch::cancel_timer();
  // An interrupt only ends a wait or a slice: the executor finds out by itself what is due.
  trap::set_interrupt_handler(InterruptSource::Timer, &arch::cancel_timer);
  trap::set_interrupt_handler(InterruptSource::Software, &arch::clear_software_interrupt);
  arch::enable_source(InterruptSource::Timer);
  arch::enable_source(InterruptSource::Software);
}

uint64_t KernelPort::now_ns() noexcept {
  return arch::now_ns();
}

void KernelPort::arm_deadline(uint64_t deadline_ns) noexcept {
  if (deadline_ns == coro::kNever) {
    arch::cancel_timer();
  } else {
    arch::set_timer_deadline(deadline_ns);
  }
}

void KernelPort::wait_for_interrupt() noexcept {
  arch::wait_for_interrupt();
}

void KernelPort::serve_interrupts() {
  trap::serve_pending_interrupts();
}

void KernelPort::poke() noexcept {
  arch::interrupt_cpu(cpu_);
}

namespace {

constinit Group all_executors;

struct Cpu {
  KernelPort port;
  Executor executor;
  explicit Cpu(const arch::PerCpu& cpu) noexcept
      : port(cpu.id), executor(cpu.id, port, &all_executors) {}
};
constinit thread_local Cpu* t_cpu = nullptr;

Cpu& this_cpu() {
  if (t_cpu == nullptr) t_cpu = new Cpu(arch::this_cpu());
  return *t_cpu;
}

}  // namespace

Executor& this_executor() {
  return this_cpu().executor;
}
KernelPort& this_port() {
  return this_cpu().port;
}
Group& executors() noexcept {
  return all_executors;
}

void run_worker() {
  Executor& executor = this_executor();
  while (true) executor.run();
}

}  // namespace nacre::exec
