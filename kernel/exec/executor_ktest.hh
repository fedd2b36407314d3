// What the tests on real CPUs share.
#pragma once

#include "nacre/base/coro/task.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/testing/test.hh"

namespace nacre::exec {

// nullptr if this machine has only one CPU.
inline Executor* second_executor() {
  return executors().find(CpuId{1});
}

// CPUs say that they are online before they have an executor.
inline coro::Task<void> wait_for_executors() {
  const uint64_t deadline = arch::now_ns() + 2'000'000'000;
  while (executors().size() < testing::boot_context().info.cpu_count && arch::now_ns() < deadline) {
    co_await coro::sleep_until(arch::now_ns() + 100'000);
  }
}

}  // namespace nacre::exec
