// Calls to the firmware. RISC-V Supervisor Binary Interface 1.0.
#pragma once

#include <cstdint>

namespace nacre::arch::riscv64 {

struct SbiResult {
  int64_t error;  // 0 or a negative code
  int64_t value;
};

// SAFETY: an SBI call clobbers a0 and a1 only; what it does to memory the callers below know.
inline SbiResult sbi_call(uint64_t extension, uint64_t function, uint64_t arg0 = 0,
                          uint64_t arg1 = 0, uint64_t arg2 = 0, uint64_t arg3 = 0,
                          uint64_t arg4 = 0) {
  register uint64_t a0 asm("a0") = arg0;
  register uint64_t a1 asm("a1") = arg1;
  register uint64_t a2 asm("a2") = arg2;
  register uint64_t a3 asm("a3") = arg3;
  register uint64_t a4 asm("a4") = arg4;
  register uint64_t a6 asm("a6") = function;
  register uint64_t a7 asm("a7") = extension;
  asm volatile("ecall"
               : "+r"(a0), "+r"(a1)
               : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7)
               : "memory");
  return {static_cast<int64_t>(a0), static_cast<int64_t>(a1)};
}

// Legacy console, chapter 5: every firmware still has it.
inline void sbi_console_write_byte(char c) {
  sbi_call(1, 0, static_cast<uint8_t>(c));
}

// Chapter 6, TIME: the timer interrupt becomes pending when time ≥ ticks.
inline void sbi_set_timer(uint64_t ticks) {
  sbi_call(0x54494D45, 0, ticks);
}

// Chapter 7, IPI: a software interrupt for the harts base + the bits of mask.
inline void sbi_send_interrupt(uint64_t mask, uint64_t base) {
  sbi_call(0x735049, 0, mask, base);
}

// Chapter 8, RFENCE: fences on the harts base + the bits of mask; they are done when the call returns.
inline SbiResult sbi_remote_fence_i(uint64_t mask, uint64_t base) {
  return sbi_call(0x52464E43, 0, mask, base);
}
// A size of 2^64-1 means every address.
inline SbiResult sbi_remote_sfence_vma(uint64_t mask, uint64_t base, uint64_t start,
                                       uint64_t size) {
  return sbi_call(0x52464E43, 1, mask, base, start, size);
}
inline SbiResult sbi_remote_sfence_vma_asid(uint64_t mask, uint64_t base, uint64_t start,
                                            uint64_t size, uint64_t asid) {
  return sbi_call(0x52464E43, 2, mask, base, start, size, asid);
}

// Chapter 9, HSM: the hart enters supervisor mode at a physical address with a0 = its id, a1 =
// opaque, translation off.
inline SbiResult sbi_hart_start(uint64_t hart, uint64_t entry, uint64_t opaque) {
  return sbi_call(0x48534D, 0, hart, entry, opaque);
}

// Chapter 10, SRST: shutdown; cannot tell success from failure to the emulator.
inline void sbi_shutdown(bool failed) {
  sbi_call(0x53525354, 0, 0, failed ? 1 : 0);
}

}  // namespace nacre::arch::riscv64
