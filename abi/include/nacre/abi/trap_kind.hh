// Why a guest was stopped. Shared by compiled code's trap sites, the engine and the kernel.
#pragma once

#include <cstdint>

namespace nacre::abi {

enum class TrapKind : uint8_t {
  None = 0,     // not a trap: a call site, kept for backtraces
  Unreachable,  // `unreachable` was executed
  MemoryOutOfBounds,
  TableOutOfBounds,         // table.get/set/init/copy/fill/grow
  IndirectCallOutOfBounds,  // call_indirect index beyond the table ("undefined element")
  IndirectCallNull,         // call_indirect through a null element ("uninitialized element")
  IndirectCallTypeMismatch,
  NullReference,  // ref.as_non_null, call_ref
  IntegerDivideByZero,
  IntegerOverflow,    // INT_MIN / -1, float to integer out of range
  InvalidConversion,  // NaN to integer
  StackOverflow,      // "call stack exhausted"
  Interrupted,        // time limit or kill
  HostError,          // a host function failed in a way that has no result
};

}  // namespace nacre::abi
