// Control and status registers of supervisor mode. RISC-V Privileged Architecture 1.12, chapter 4;
// Sstc 1.0.
#pragma once

#include <cstdint>

#include "nacre/kernel/arch/interrupts.hh"

namespace nacre::arch::riscv64 {

inline constexpr uint64_t kStatusSie = uint64_t{1} << 1;
inline constexpr uint64_t kStatusSpie = uint64_t{1} << 5;
inline constexpr uint64_t kStatusSpp = uint64_t{1} << 8;
inline constexpr uint64_t kStatusFs = uint64_t{3} << 13;  // 0 off, 1 initial, 2 clean, 3 dirty
inline constexpr uint64_t kStatusFsClean = uint64_t{2} << 13;
inline constexpr uint64_t kStatusVs = uint64_t{3} << 9;  // the same of the V extension
inline constexpr uint64_t kStatusVsClean = uint64_t{2} << 9;
inline constexpr uint64_t kStatusSum = uint64_t{1} << 18;

// Bits of sie and sip.
inline constexpr uint64_t kSoftware = uint64_t{1} << 1;
inline constexpr uint64_t kTimer = uint64_t{1} << 5;
inline constexpr uint64_t kExternal = uint64_t{1} << 9;

// The most urgent of such bits, of which there is one at least: the order in which the hardware itself would take them
// (chapter 4.1.3).
[[nodiscard]] constexpr InterruptSource most_urgent(uint64_t pending) {
  if ((pending & kExternal) != 0) return InterruptSource::External;
  return (pending & kSoftware) != 0 ? InterruptSource::Software : InterruptSource::Timer;
}

}  // namespace nacre::arch::riscv64

// SAFETY: the callers name registers that supervisor mode may access, and state why a write is
// sound where it matters.
#define NACRE_CSR_READ(name)                                             \
  ({                                                                     \
    uint64_t nacre_csr_value;                                            \
    asm volatile("csrr %0, " name : "=r"(nacre_csr_value) : : "memory"); \
    nacre_csr_value;                                                     \
  })
#define NACRE_CSR_WRITE(name, value) \
  asm volatile("csrw " name ", %0" : : "rK"(static_cast<uint64_t>(value)) : "memory")
#define NACRE_CSR_SET(name, bits) \
  asm volatile("csrs " name ", %0" : : "rK"(static_cast<uint64_t>(bits)) : "memory")
#define NACRE_CSR_CLEAR(name, bits) \
  asm volatile("csrc " name ", %0" : : "rK"(static_cast<uint64_t>(bits)) : "memory")
