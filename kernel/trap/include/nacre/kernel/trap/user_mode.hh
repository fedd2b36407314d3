// Running user code: for the kernel a function call that returns when the user traps.
//
// Invariants:
// - The caller has switched to the thread's address space (arch::switch_address_space).
// - A CPU runs one user thread at a time, and enter_user is never entered from a fast handler.
// - The kernel uses no float or vector registers: they keep the user's values across a trap. They are stored only when another
//   thread enters on the CPU or somebody asks (save_float), and only if they changed.
#pragma once

#include <cstdint>

#include "nacre/kernel/trap/user_context.hh"

namespace nacre::trap {

// Runs the thread until its next trap: environment call, fault, breakpoint or interrupt. A fast handler may serve
// any number of environment calls before that. Interrupts are off before and after; a pending one ends the user's run.
//
// The address of `context` is its identity for float and vector registers: before it is freed or moved, forget_registers().
[[nodiscard]] ExitReason enter_user(UserContext& context);

// ---- Fast system calls ----
// The user treats `ecall` as a C call: t0 (the number), the other t registers and a2–a7 are clobbered, s registers, sp, gp,
// tp and ra survive, a0 and a1 are the results. Float registers are still the user's own.

// What the handler sees and changes. Layout known to entry.S.
struct SyscallRegisters {
  uint64_t a[8];            // arguments; a[0] and a[1] are the results
  uint64_t number;          // t0
  uint64_t vm_context;      // s10; untrusted like everything here, changing it has no effect
  uint64_t return_address;  // ra; changing it has no effect on "slow"
  uint64_t user_sp;         // sp
  uint64_t user_tp;         // tp
  uint64_t pc;              // of the ecall
  uint64_t reserved[2];
};
static_assert(sizeof(SyscallRegisters) == 128);

enum class FastSyscallResult : uint64_t {
  Done = 0,  // back to the user, behind the ecall
  Slow =
      1,  // enter_user returns UserEnvironmentCall with the full context, as `registers` has it now
};

// Runs on the kernel stack of the CPU, interrupts off, inside enter_user. It must not suspend or block. A panic
// in it unwinds out of enter_user; the thread's context is then lost.
using FastSyscallHandler = FastSyscallResult (*)(SyscallRegisters& registers);

// For this CPU; returns the one before. Until one is set every environment call is slow. nullptr restores that.
FastSyscallHandler set_fast_syscall_handler(FastSyscallHandler handler);

// The context that enter_user is running on this CPU: for fast handlers.
[[nodiscard]] UserContext& current_context();
// What the fast handler that runs on this CPU was called with; nullptr outside of fast handlers.
[[nodiscard]] const SyscallRegisters* current_fast_call() noexcept;

// ---- Float registers ----

// Brings context.f and fcsr up to date if the CPU's registers hold newer values. They stay loaded.
void save_float(UserContext& context) noexcept;
// Makes context.f and fcsr what the thread sees when it runs next: call it after changing them.
void restore_float(UserContext& context) noexcept;
// The context goes away or moves to another CPU: its float and vector values are stored, and this CPU no longer thinks of it.
void forget_registers(UserContext& context) noexcept;

// For host functions with float arguments and results: fa0–fa7 and fa0, fa1 of the thread, from wherever they are now,
// without storing all registers.
void read_float_arguments(const UserContext& context, uint64_t (&values)[8]) noexcept;
void write_float_results(UserContext& context, uint64_t fa0, uint64_t fa1) noexcept;

}  // namespace nacre::trap
