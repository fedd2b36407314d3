// The current CPU's incoming-message interrupt controller in supervisor mode, on a machine that has Ssaia.
#pragma once

#include <cstdint>

namespace nacre::arch {

// The register that `select` names (RISC-V Advanced Interrupt Architecture 1.0, section 3.8).
[[nodiscard]] uint64_t read_imsic(uint64_t select);
void write_imsic(uint64_t select, uint64_t value);
// Takes the most urgent interrupt that is pending and enabled: its number, or 0.
[[nodiscard]] uint32_t claim_imsic();

}  // namespace nacre::arch
