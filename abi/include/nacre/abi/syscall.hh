// System calls: `ecall` from user mode with the number in t0. Numbers below kFirstHostFunction are
// the kernel's own; from there on t0 - kFirstHostFunction indexes the domain's table of host
// functions (the imports that the kernel serves).
#pragma once

#include <cstdint>

namespace nacre::abi {

enum class Syscall : uint64_t {
  ThreadExit = 0,  // where an invoked function returns to; results are in the result registers
  MemoryGrow =
      1,    // a0 = VmContext*, a1 = memory index, a2 = delta in pages; a0 = previous pages or -1
  Nop = 2,  // enters and leaves the kernel; for measuring
  TableGrow = 3,  // a0 = VmContext*, a1 = table index, a2 = initial reference, a3 = delta; a0 =
                  // previous elements or -1
};

inline constexpr uint64_t kFirstHostFunction = 64;

}  // namespace nacre::abi
