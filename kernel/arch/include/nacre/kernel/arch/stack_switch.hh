// Flows of control with stacks of their own, on the current CPU. Whoever uses them keeps PerCpu::stack_bottom and stack_top
// right, and does not take a flow to another CPU: it may hold addresses of this CPU's thread-locals in registers.
#pragma once

#include <cstdint>

#include "nacre/base/core/address.hh"

namespace nacre::arch {

// A flow that is not running: its stack pointer. What a call preserves lies above it.
struct SuspendedFlow {
  uint64_t stack_pointer = 0;
};

// A flow that will call entry(argument), on a stack whose end is `top` (aligned to 16). `entry` does not return.
[[nodiscard]] SuspendedFlow make_flow(VirtAddr top, void (*entry)(void*), void* argument) noexcept;

// Goes on with `to`; returns when somebody switches to what is left in `from`.
void switch_flow(SuspendedFlow& from, const SuspendedFlow& to) noexcept;

}  // namespace nacre::arch
