#include "nacre/kernel/arch/imsic.hh"

#include "nacre/kernel/arch/riscv64/csr.hh"

// SAFETY: what these registers do is deliver interrupts, which the kernel takes where it wants to only (INV-13).
namespace nacre::arch {

// siselect 0x150, sireg 0x151, stopei 0x15c.
uint64_t read_imsic(uint64_t select) {
  NACRE_CSR_WRITE("0x150", select);
  return NACRE_CSR_READ("0x151");
}

void write_imsic(uint64_t select, uint64_t value) {
  NACRE_CSR_WRITE("0x150", select);
  NACRE_CSR_WRITE("0x151", value);
}

uint32_t claim_imsic() {
  uint64_t top;
  // Reading with a write claims.
  asm volatile("csrrw %0, 0x15c, zero" : "=r"(top) : : "memory");
  return static_cast<uint32_t>(top >> 16) & 0x7ff;
}

}  // namespace nacre::arch
