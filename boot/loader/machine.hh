// The few things the loader asks of the machine: it runs with translation off, so addresses are physical.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "nacre/base/fdt/tree.hh"
#include "nacre/base/paging/format.hh"

namespace nacre::loader {

// Prints why there is no way on and switches the machine off with a failure status.
[[noreturn]] void stop(std::string_view why, std::string_view detail = {});

// From here on stop() can hand a status to the emulator.
void use_test_device(const fdt::Tree& tree);

// Whether the hart implements a translation mode. `scratch_table` is a page to clobber.
[[nodiscard]] bool supports(paging::Mode mode, std::span<uint64_t, 512> scratch_table);

[[nodiscard]] inline uint64_t address_of(const void* pointer) {
  // SAFETY: translation is off: pointers are physical addresses.
  return reinterpret_cast<uint64_t>(pointer);
}

// Physical memory as bytes. The caller knows what lies there.
[[nodiscard]] std::span<std::byte> memory_at(uint64_t physical, size_t size);

// What a hart enters the kernel with. Layout known to start.S.
struct KernelEntry {
  uint64_t boot_info;
  uint64_t cpu;  // its index
  uint64_t satp;
  uint64_t address;  // of the kernel's first instruction, 4-byte aligned, virtual
  uint64_t stack_top;
  uint64_t tls;
};

// Asks firmware to let a hart enter the kernel. It may do so at any time; `entry` stays in place until it has. False if
// firmware refuses.
[[nodiscard]] bool start_hart(uint64_t hart, const KernelEntry& entry);

// Turns translation on and jumps, see abi/boot_info.hh.
extern "C" [[noreturn]] void nacre_enter_kernel(const KernelEntry& entry);

// Says something without ending.
void warn(std::string_view what, uint64_t number);

}  // namespace nacre::loader
