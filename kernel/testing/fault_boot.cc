#include "fault_boot.hh"

#include <atomic>

#include "nacre/base/core/format.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/arch/cpus.hh"
#include "nacre/kernel/arch/interrupts.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/arch/opaque.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/exec/fiber.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/fault/fault.hh"
#include "nacre/kernel/fault/unwinding.hh"
#include "nacre/kernel/trace/log.hh"
#include "nacre/kernel/trap/dispatch.hh"

namespace nacre::testing {
namespace {

void panic_on_request() {
  unsigned destroyed = 0;
  fault::panic_at_depth(2, destroyed);
}

// What the handler below makes, and where.
constinit void (*wanted_fault)() = nullptr;
constinit CpuId wanted_cpu{0};

void interrupt_with_fault() {
  arch::clear_software_interrupt();
  if (arch::this_cpu().id == wanted_cpu) wanted_fault();
  // Not the last call, so that the backtrace names this function.
  (void)arch::opaque(0);
}

void install_fault(void (*make)(), CpuId cpu) {
  wanted_fault = make;
  wanted_cpu = cpu;
  trap::set_interrupt_handler(arch::InterruptSource::Software, &interrupt_with_fault);
  arch::send_software_interrupt(arch::hart_of(cpu));
}

// Until every CPU has its executor, and with it the handlers that are to be replaced.
void wait_for_executors(const abi::BootInfo& info) {
  for (uint32_t cpu = 0; cpu < info.cpu_count; ++cpu) {
    while (exec::executors().find(CpuId{cpu}) == nullptr) {
    }
  }
}

coro::Task<void> in_task(void (*make)()) {
  make();
  co_return;
}

coro::Task<void> in_fiber(void (*make)()) {
  (void)co_await exec::run_on_fiber(make);
}

coro::Task<void> in_interrupt(void (*make)()) {
  install_fault(make, arch::this_cpu().id);
  exec::this_port().serve_interrupts();
  co_return;
}

coro::Task<void> when_all_are_there(void (*make)(), std::atomic<size_t>* there) {
  there->fetch_add(1, std::memory_order_relaxed);
  while (there->load(std::memory_order_relaxed) < exec::executors().size()) {
  }
  make();
  co_return;
}

coro::Task<void> on_all_cpus(void (*make)()) {
  std::atomic<size_t> there{0};
  coro::Scope scope;
  for (uint32_t cpu = 0; cpu < exec::executors().size(); ++cpu) {
    scope.spawn_on(exec::executors().find(CpuId{cpu})->scheduler(),
                   when_all_are_there(make, &there));
  }
  co_await scope.join();
}

}  // namespace

int run_fault(std::string_view wanted, const abi::BootInfo& info) {
  const std::string_view name = wanted.substr(0, wanted.find('@'));
  const std::string_view context =
      name.size() == wanted.size() ? "kmain" : wanted.substr(name.size() + 1);
  const fault::Kind* const kind = fault::find(name);
  if (kind != nullptr || name == "panic") {
    void (*const make)() = kind == nullptr ? &panic_on_request : kind->make;
    exec::Executor& executor = exec::this_executor();
    wait_for_executors(info);
    if (context == "kmain") make();
    if (context == "task") executor.block_on(in_task(make));
    if (context == "fiber") executor.block_on(in_fiber(make));
    if (context == "interrupt") executor.block_on(in_interrupt(make));
    if (context == "all") executor.block_on(on_all_cpus(make));
    if (context == "elsewhere" && info.cpu_count > 1) {
      install_fault(make, CpuId{1});
      arch::park();
    }
  }
  trace::write_raw(format("fault={}: no such fault or context\n", wanted));
  return arch::kExitKernelFailure;
}

}  // namespace nacre::testing
