#include "fault_boot.hh"

#include <atomic>

#include "nacre/base/core/format.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/exec/fiber.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/fault/fault.hh"
#include "nacre/kernel/fault/unwinding.hh"
#include "nacre/kernel/testing/all_cpus.hh"
#include "nacre/kernel/testing/faulty_interrupt.hh"
#include "nacre/kernel/trace/log.hh"

namespace nacre::testing {
namespace {

void panic_on_request() {
  unsigned destroyed = 0;
  fault::panic_at_depth(2, destroyed);
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
  const FaultyInterrupt interrupt(make, arch::this_cpu().id);
  exec::this_port().serve_interrupts();
  co_return;
}

coro::Task<void> when_all_are_there(uint32_t, void (*make)(), std::atomic<size_t>* there) {
  there->fetch_add(1, std::memory_order_relaxed);
  while (there->load(std::memory_order_relaxed) < exec::executors().size()) {
  }
  make();
  co_return;
}

coro::Task<void> on_all_cpus(void (*make)()) {
  std::atomic<size_t> there{0};
  coro::Scope scope;
  spawn_everywhere(scope, &when_all_are_there, make, &there);
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
      const FaultyInterrupt interrupt(make, CpuId{1});
      arch::park();
    }
  }
  trace::write_raw(format("fault={}: no such fault or context\n", wanted));
  return arch::kExitKernelFailure;
}

}  // namespace nacre::testing
