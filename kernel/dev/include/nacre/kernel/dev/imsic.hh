// One hart's incoming-message interrupt controller in supervisor mode (RISC-V Advanced Interrupt Architecture 1.0, chapter 3):
// a set of numbered interrupts, made pending by a store of the number to the file's page in memory.
#pragma once

#include <cstdint>

namespace nacre::dev {

// The indirect registers of the calling CPU (siselect, sireg) and its stopei. In the kernel they are CSRs.
class ImsicRegisters {
 public:
  virtual ~ImsicRegisters() = default;
  [[nodiscard]] virtual uint64_t read(uint64_t select) noexcept = 0;
  virtual void write(uint64_t select, uint64_t value) noexcept = 0;
  // Takes the most urgent pending and enabled interrupt: its number, or 0.
  [[nodiscard]] virtual uint32_t claim() noexcept = 0;
};

// Section 3.8. Numbers are 1 to `last`; with 64-bit registers the odd ones of the arrays do not exist.
inline constexpr uint64_t kImsicDelivery = 0x70;
inline constexpr uint64_t kImsicThreshold = 0x72;
inline constexpr uint64_t kImsicEnable = 0xc0;
inline constexpr uint32_t kImsicMaxNumber = 2047;
// A file's page in memory, section 3.5: a store of a number, little-endian.
inline constexpr uint64_t kImsicSetPending = 0x000;
inline constexpr uint64_t kImsicFileBytes = 0x1000;

// Lets interrupts 1 to `last` in, all of one priority.
inline void open_imsic(ImsicRegisters& registers, uint32_t last) noexcept {
  registers.write(kImsicThreshold, 0);
  for (uint32_t first = 0; first <= last; first += 64) {
    const uint32_t count = last - first + 1;
    uint64_t bits = count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
    if (first == 0) bits &= ~uint64_t{1};  // there is no interrupt 0
    registers.write(kImsicEnable + first / 32, bits);
  }
  registers.write(kImsicDelivery, 1);
}

}  // namespace nacre::dev
