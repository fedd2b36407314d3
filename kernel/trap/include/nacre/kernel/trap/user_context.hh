// The registers of a user thread while it is not running, and why it stopped.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nacre::trap {

// Indices into UserContext::x.
enum class Register : uint8_t {
  Zero,
  Ra,
  Sp,
  Gp,
  Tp,
  T0,
  T1,
  T2,
  S0,
  S1,
  A0,
  A1,
  A2,
  A3,
  A4,
  A5,
  A6,
  A7,
  S2,
  S3,
  S4,
  S5,
  S6,
  S7,
  S8,
  S9,
  S10,
  S11,
  T3,
  T4,
  T5,
  T6,
};
// Indices into UserContext::f.
inline constexpr unsigned kFa0 = 10;

struct VectorArea;

// Plain data, zero-initialised for a new thread. The layout is known to entry.S (layout.h).
//
// `f` and `fcsr` are up to date only after save_float(): while the thread is the last that ran on its CPU, they live in
// the CPU's registers (user_mode.hh).
struct UserContext {
  uint64_t x[32];  // x[0] is not used
  uint64_t pc;
  uint64_t f[32];
  uint64_t fcsr;
  // Where its vector registers are kept; nullptr: it has none, and its vector instructions are illegal (vectors.hh).
  VectorArea* vectors;

  [[nodiscard]] uint64_t& operator[](Register r) { return x[static_cast<size_t>(r)]; }
  [[nodiscard]] const uint64_t& operator[](Register r) const { return x[static_cast<size_t>(r)]; }
};
static_assert(sizeof(UserContext) == 67 * 8);

// scause values. RISC-V Privileged Architecture 1.12, table 4.2.
enum class Cause : uint64_t {
  InstructionMisaligned = 0,
  InstructionAccessFault = 1,
  IllegalInstruction = 2,
  Breakpoint = 3,
  LoadMisaligned = 4,
  LoadAccessFault = 5,
  StoreMisaligned = 6,
  StoreAccessFault = 7,
  UserEnvironmentCall = 8,
  InstructionPageFault = 12,
  LoadPageFault = 13,
  StorePageFault = 15,
  SoftwareInterrupt = (uint64_t{1} << 63) | 1,
  TimerInterrupt = (uint64_t{1} << 63) | 5,
  ExternalInterrupt = (uint64_t{1} << 63) | 9,
};

// Why enter_user() returned. UserContext::pc is the address of the instruction that trapped (for an ecall, of the ecall
// itself: the one who serves it adds 4) or, after an interrupt, of the next to run.
struct ExitReason {
  Cause cause;
  uint64_t value;  // stval: the address of a fault; otherwise of no use

  [[nodiscard]] bool is_interrupt() const { return (static_cast<uint64_t>(cause) >> 63) != 0; }
  [[nodiscard]] bool is_environment_call() const { return cause == Cause::UserEnvironmentCall; }
};

}  // namespace nacre::trap
