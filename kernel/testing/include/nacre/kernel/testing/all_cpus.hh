// What tests on all CPUs share.
#pragma once

#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/exec/kernel_port.hh"
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

}  // namespace nacre::testing
