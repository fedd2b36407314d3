// The executor's port over kernel/arch: timer, idle wait, interrupts of the current CPU.
#pragma once

#include <cstdint>

#include "nacre/base/core/address.hh"
#include "nacre/kernel/exec/executor.hh"

namespace nacre::exec {

class KernelPort final : public CpuPort {
 public:
  // On the CPU that it is for. Its timer and software interrupts are enabled from now on.
  explicit KernelPort(CpuId cpu) noexcept;

  [[nodiscard]] uint64_t now_ns() noexcept override;
  void arm_deadline(uint64_t deadline_ns) noexcept override;
  void wait_for_interrupt() noexcept override;
  void serve_interrupts() override;
  void poke() noexcept override;

 private:
  CpuId cpu_;
};

// The executor of the current CPU; made on first use, never destroyed. A coroutine that is not pinned may be on another after
// the next co_await.
[[nodiscard]] Executor& this_executor();
[[nodiscard]] KernelPort& this_port();
// All of them.
[[nodiscard]] Group& executors() noexcept;

// The life of a CPU that has nothing of its own to do: runs what others leave for it.
[[noreturn]] void run_worker();

}  // namespace nacre::exec
