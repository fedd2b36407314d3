// The real-time clock of QEMU's `virt` machine ("google,goldfish-rtc" in the device tree): nanoseconds since 1970 in two 32-bit
// registers.
#pragma once

#include <cstdint>

#include "nacre/kernel/dev/access.hh"

namespace nacre::dev {

inline constexpr char kGoldfishRtcCompatible[] = "google,goldfish-rtc";

[[nodiscard]] inline uint64_t read_goldfish_rtc_ns(RegisterWindow& registers) {
  constexpr uint64_t kTimeLow = 0x00;  // reading it latches the high half
  constexpr uint64_t kTimeHigh = 0x04;
  const uint64_t low = registers.read32(kTimeLow);
  return low | uint64_t{registers.read32(kTimeHigh)} << 32;
}

}  // namespace nacre::dev
