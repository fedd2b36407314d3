// Vector registers of user threads: off until a thread uses them for the first time, kept while it does, and stored only when they
// changed (RISC-V "V" 1.0; sstatus.VS).
//
// A thread's way: no area, VS off → a vector instruction is illegal → whoever runs the thread decides that it may, pays for an
// area and calls begin_vectors() → the same instruction again, with registers of zeros → … → end_vectors().
#pragma once

#include <cstddef>
#include <cstdint>

#include "nacre/kernel/trap/user_context.hh"

namespace nacre::trap {

// Where the registers are while they are not in a CPU; v0 to v31 follow. The layout is known to vector_registers.S.
struct alignas(16) VectorArea {
  uint64_t start;    // vstart
  uint64_t control;  // vcsr
  uint64_t length;   // vl
  uint64_t type;     // vtype
};
static_assert(sizeof(VectorArea) == 32);

// Of an area with its registers; 0 on a machine without vector instructions. All CPUs have registers of one length.
[[nodiscard]] size_t vector_area_bytes() noexcept;

// From now on the thread has vector registers, all zero. `area` has vector_area_bytes(), is aligned like VectorArea, and
// stays with the context until end_vectors(). The machine has vector instructions.
void begin_vectors(UserContext& context, VectorArea* area) noexcept;
// It has none any more: its area, or nullptr. On the CPU where it ran last, or after forget_registers().
VectorArea* end_vectors(UserContext& context) noexcept;

// How often registers went from a CPU to a context and back.
struct RegisterTraffic {
  uint64_t float_stores;
  uint64_t float_loads;
  uint64_t vector_stores;
  uint64_t vector_loads;
};
[[nodiscard]] const RegisterTraffic& register_traffic_of_this_cpu() noexcept;

}  // namespace nacre::trap
