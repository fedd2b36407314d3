// Interrupts and the kernel's own traps.
#pragma once

#include <cstdint>

#include "nacre/kernel/arch/interrupts.hh"
#include "nacre/kernel/trap/user_context.hh"

namespace nacre::trap {

// Installs the trap vector on the current CPU, makes float instructions legal, and tells trap entry the bounds of the
// stack in use and of the emergency stack. Interrupts stay off, all sources disabled.
struct StackBounds {
  uint64_t bottom;
  uint64_t top;
};
void initialize_cpu(StackBounds stack, StackBounds emergency_stack);

// One handler a source, for all CPUs; set before the source is enabled. It runs with interrupts off, must make the cause
// go away (or disable the source), and does not suspend.
using InterruptHandler = void (*)();
void set_interrupt_handler(arch::InterruptSource source, InterruptHandler handler);

// After enter_user() returned an interrupt.
void serve_interrupt(const ExitReason& reason);
// Serves what is pending, until nothing is: after wait_for_interrupt(), or between two tasks.
void serve_pending_interrupts();

// A trap that the kernel took itself. The layout is known to entry.S.
struct KernelFrame {
  uint64_t x[32];  // x[0]: what the unwinder takes for pc (entry.S)
  uint64_t pc;
  uint64_t cause;
  uint64_t value;
  uint64_t status;
};
static_assert(sizeof(KernelFrame) == 36 * 8);

}  // namespace nacre::trap
