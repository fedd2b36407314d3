// What tests on all CPUs share.
#pragma once

#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/testing/test.hh"

namespace nacre::testing {

// CPUs say that they are online before they have an executor, and get it in any order.
inline coro::Task<void> wait_for_executors() {
  for (uint32_t cpu = 0; cpu < boot_context().info.cpu_count; ++cpu) {
    while (exec::executors().find(CpuId{cpu}) == nullptr) {
      co_await coro::sleep_until(arch::now_ns() + 100'000);
    }
  }
}

// Spawns the task make(cpu, arguments…) on each CPU, as fast as it goes. All have their executors.
template <class Make, class... Arguments>
void spawn_everywhere(coro::Scope& scope, const Make& make, const Arguments&... arguments) {
  exec::Group& group = exec::executors();
  for (uint32_t cpu = 0; cpu < group.size(); ++cpu) {
    exec::Executor* const executor = group.find(CpuId{cpu});
    ASSERT(executor != nullptr);
    scope.spawn_on(executor->scheduler(), make(cpu, arguments...));
  }
}

// A CPU that has nothing else to run keeps the root of the space that it used last: before frames are counted.
inline coro::Task<void> leave_all_spaces() {
  co_await wait_for_executors();
  coro::Scope scope;
  const auto leave = [](uint32_t) -> coro::Task<void> {
    mm::deactivate();
    co_return;
  };
  spawn_everywhere(scope, leave);
  co_await scope.join();
}

}  // namespace nacre::testing
