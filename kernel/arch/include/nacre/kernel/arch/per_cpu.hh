// What each CPU has of its own. It is the first thing in the CPU's TLS block, so that trap entry,
// which knows nothing but tp, finds it at constant offsets; other per-CPU state is simply
// `thread_local constinit`.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "nacre/base/core/address.hh"

namespace nacre::trap {
struct UserContext;
}

namespace nacre::arch {

struct PerCpu {
  // Known to kernel/trap/entry.S (kernel/trap/layout.h).
  uint64_t kernel_sp;          // in user mode: where enter_user's frame is
  trap::UserContext* context;  // what enter_user runs, or nullptr
  uint64_t fast_handler;       // address of the trap::FastSyscallHandler
  uint64_t scratch[2];         // trap entry, for a few instructions
  uint64_t
      stack_bottom;  // of the kernel stack in use: whoever switches stacks keeps these two right
  uint64_t stack_top;
  uint64_t emergency_stack_top;  // for a trap whose stack pointer is not inside the stack

  trap::UserContext* float_owner;   // whose values the F and D registers hold, or nullptr
  trap::UserContext* vector_owner;  // the same of the V registers; nullptr: they are off
  CpuId id;
  HartId hart;
  uint32_t panic_depth;  // panics being reported, see kernel/trace
  // Interrupts that this CPU served, by InterruptSource. It alone writes them; see interrupts_served().
  std::array<std::atomic<uint64_t>, 3> interrupts;
};

// Volatile: a coroutine may have moved to another CPU since the last look.
[[nodiscard]] inline PerCpu& this_cpu() {
  PerCpu* cpu;
  // SAFETY: tp holds the TLS block of this CPU from the kernel's first instruction on, and PerCpu
  // is its first object (kernel.ld).
  asm volatile("mv %0, tp" : "=r"(cpu));
  return *cpu;
}

}  // namespace nacre::arch
