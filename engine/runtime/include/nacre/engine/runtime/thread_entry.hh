// How a thread enters compiled code and what it brings back; the platform only loads and saves
// registers.
//
// Values cross this interface as bits: i32 and f32 in the low 32 bits (upper bits are ignored on
// the way in and 0 on the way out), i64 and f64 as they are, references as the guest's 64-bit value
// (null = 0).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nacre/abi/vm_context.hh"
#include "nacre/base/core/address.hh"
#include "nacre/base/core/error.hh"
#include "nacre/engine/runtime/store.hh"
#include "nacre/engine/runtime/trap.hh"

namespace nacre::runtime {

// To be loaded before jumping to pc; ra = the platform's thread-exit stub. Everything else may be
// zero.
struct ThreadEntry {
  UserAddr pc;
  UserAddr sp;            // also where stack results are found afterwards
  UserAddr vm_context;    // s10
  UserAddr memory0_base;  // s11
  abi::CallRegisters registers;
};

// Checks the arguments' count against the function's type, writes stack arguments below `stack_top`
// and says what to load.
[[nodiscard]] Result<ThreadEntry> prepare_entry(Store& store, const Function& function,
                                                std::span<const uint64_t> arguments,
                                                UserAddr stack_top);
// After the function returned to the thread-exit stub: `registers` are a0–a7, fa0–fa7 as they were
// there (only the first two of each matter).
[[nodiscard]] Result<std::vector<uint64_t>> read_results(Store& store, const Function& function,
                                                         abi::CallRegisters registers,
                                                         UserAddr entry_sp);

// How an invocation ended.
struct InvokeOutcome {
  enum class Kind : uint8_t { Returned, Trapped, Exited };
  Kind kind = Kind::Returned;
  std::vector<uint64_t> results;  // Returned
  Trap trap;                      // Trapped
  uint32_t exit_code = 0;         // Exited
};

// Value bits ↔ the form they have in a register or an 8-byte slot (i32 sign-extended, f32
// NaN-boxed).
[[nodiscard]] uint64_t to_slot(wasm::ValType type, uint64_t bits);
[[nodiscard]] uint64_t from_slot(wasm::ValType type, uint64_t slot);

}  // namespace nacre::runtime
