// The machine as a whole: its console, its end, its abilities.
#pragma once

#include <cstdint>
#include <string_view>

#include "nacre/base/fdt/tree.hh"

namespace nacre::arch {

// Finds console, test device, clock and instruction sets in the device tree. Before it, the console
// is firmware's. `direct_map_offset` is where the devices' registers are found.
void initialize_machine(const fdt::Tree& tree, uint64_t direct_map_offset);

// Raw and unlocked; each '\n' goes out as it is.
void console_write(std::string_view text);

// Statuses that end in the emulator's exit status. Guests' exit codes never come this way.
inline constexpr uint8_t kExitSuccess = 0;
inline constexpr uint8_t kExitKernelFailure = 101;

// Switches the machine off.
[[noreturn]] void stop_machine(uint8_t status);

// Sleeps for ever with interrupts off: for CPUs without work.
[[noreturn]] void park();

// Instruction-set extensions of all CPUs together: present only if every one has it.
struct CpuFeatures {
  bool zba;
  bool zbb;
  bool zbs;
  bool zbc;
  bool zfh;
  bool zicond;
  bool v;
  bool sstc;
  bool svinval;
  bool ssaia;  // the supervisor's part of the advanced interrupt architecture
  uint32_t cpu_count;
};
[[nodiscard]] const CpuFeatures& cpu_features();

}  // namespace nacre::arch
