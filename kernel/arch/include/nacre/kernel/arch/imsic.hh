// The current CPU's incoming-message interrupt controller in supervisor mode, on a machine that has Ssaia.
#pragma once

#include <cstdint>

namespace nacre::arch {

// The register that `select` names (RISC-V Advanced Interrupt Architecture 1.0, section 3.8).
[[nodiscard]] uint64_t read_imsic(uint64_t select);
void write_imsic(uint64_t select, uint64_t value);
// Takes the most urgent interrupt that is pending and enabled: its number, or 0.
[[nodiscard]] uint32_t claim_imsic();
// Takes interrupt 1, which is the most urgent of all, if it is pending and enabled; false otherwise. What its sender wrote to
// memory before is visible then, and what the caller writes from then on is visible only after the interrupt was taken: a
// sender who sees that sends another one.
[[nodiscard]] inline bool claim_first_of_imsic() {
  // stopei (0x15c), section 3.10: number and priority, which are the same.
  constexpr uint64_t kFirst = uint64_t{1} << 16 | 1;
  uint64_t top;
  // SAFETY: a read of it changes nothing.
  asm volatile("csrr %0, 0x15c" : "=r"(top)::"memory");
  if (top != kFirst) return false;
  // SAFETY: a write claims what a read would give, which nothing more urgent can have replaced; the kernel takes interrupts
  // where it wants to only (INV-13). To a fence CSRs are devices (Zicsr, "CSR Access Ordering").
  asm volatile("csrw 0x15c, zero\n\tfence io, rw" ::: "memory");
  return true;
}

}  // namespace nacre::arch
