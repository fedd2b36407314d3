// Registers of riscv64 as the baseline tier uses them: one number space for both files, sets as 64-bit masks, and the pool
// of temporaries.
//
// Roles (see abi/vm_context.hh for the convention):
//   temporary  holds entries of the value stack; counted uses, free when the count drops to zero
//   pinned     home of a local for the whole function
//   address    a temporary that remembers a computed address (AddressCache); reclaimed whenever a temporary is wanted
// x0 may be named as an operand everywhere; sp, gp, tp, ra, s10, s11, t6 and ft11 never hold values.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "nacre/base/core/panic.hh"
#include "nacre/engine/isa/riscv64/registers.hh"
#include "nacre/engine/wasm/types.hh"

namespace nacre::baseline {

using riscv64::Fpr;
using riscv64::Gpr;

// 0–31: x0–x31, 32–63: f0–f31.
using Reg = uint8_t;
using RegSet = uint64_t;

inline constexpr Reg kZero = 0;
inline constexpr Reg kNoReg = 0xff;

[[nodiscard]] constexpr Reg reg(Gpr r) {
  return static_cast<Reg>(r);
}
[[nodiscard]] constexpr Reg reg(Fpr r) {
  return static_cast<Reg>(static_cast<uint8_t>(r) + 32);
}
[[nodiscard]] constexpr Gpr gpr(Reg r) {
  return static_cast<Gpr>(r);
}
[[nodiscard]] constexpr Fpr fpr(Reg r) {
  return static_cast<Fpr>(r & 31);
}
[[nodiscard]] constexpr bool is_fpr(Reg r) {
  return r >= 32;
}
[[nodiscard]] constexpr RegSet bit(Reg r) {
  return RegSet{1} << r;
}
[[nodiscard]] constexpr RegSet range(Gpr first, unsigned count) {
  return ((RegSet{1} << count) - 1) << reg(first);
}
[[nodiscard]] constexpr RegSet range(Fpr first, unsigned count) {
  return ((RegSet{1} << count) - 1) << reg(first);
}
[[nodiscard]] constexpr Reg lowest(RegSet set) {
  return static_cast<Reg>(std::countr_zero(set));
}

inline constexpr RegSet kIntegerArguments = range(Gpr::A0, 8);
inline constexpr RegSet kFloatArguments = range(Fpr::Fa0, 8);
// s0, s1, s2–s9; s10 and s11 are the context and the memory.
inline constexpr RegSet kIntegerSaved = range(Gpr::S0, 2) | range(Gpr::S2, 8);
inline constexpr RegSet kFloatSaved = range(Fpr::Fs0, 2) | range(Fpr::Fs2, 10);
// Temporaries in every function, whatever is pinned; t6 and ft11 are the macro-assembler's.
inline constexpr RegSet kIntegerScratch = range(Gpr::T0, 3) | range(Gpr::T3, 3);
inline constexpr RegSet kFloatScratch = range(Fpr::Ft0, 8) | range(Fpr::Ft8, 3);
inline constexpr RegSet kCallerSaved =
    kIntegerArguments | kFloatArguments | kIntegerScratch | kFloatScratch;
inline constexpr RegSet kIntegers = 0xffff'ffff;
inline constexpr RegSet kFloats = ~kIntegers;

inline constexpr Gpr kVm = Gpr::S10;
inline constexpr Gpr kMemory = Gpr::S11;

// Where a label with one result expects it.
inline constexpr Reg kMergeInteger = reg(Gpr::T0);
inline constexpr Reg kMergeFloat = reg(Fpr::Ft0);
[[nodiscard]] constexpr Reg merge_register(wasm::ValType type) {
  return wasm::is_float(type) ? kMergeFloat : kMergeInteger;
}

// Counts who uses which register, and knows which temporaries are free. Invariant: a temporary is in exactly one of
// three states: free (in free_, no uses), address (in addresses_, no uses), or used (uses > 0).
class RegisterPool {
 public:
  void reset(RegSet temporaries) {
    temporaries_ = temporaries;
    free_ = temporaries;
    addresses_ = 0;
    uses_.fill(0);
  }

  [[nodiscard]] bool is_temporary(Reg r) const { return (temporaries_ & bit(r)) != 0; }
  [[nodiscard]] uint32_t uses(Reg r) const { return uses_[r]; }
  // Free ones of `from`, not counting those that hold addresses.
  [[nodiscard]] RegSet free_in(RegSet from) const { return free_ & from; }
  [[nodiscard]] RegSet addresses() const { return addresses_; }
  // A temporary with a single use belongs to whoever holds it: it may be changed in place.
  [[nodiscard]] bool is_sole_temporary(Reg r) const { return uses_[r] == 1 && is_temporary(r); }

  // A free temporary becomes used.
  void take(Reg r) {
    DEBUG_ASSERT((free_ & bit(r)) != 0);
    free_ &= ~bit(r);
    uses_[r] = 1;
  }
  void retain(Reg r) { ++uses_[r]; }
  void release(Reg r) {
    DEBUG_ASSERT(uses_[r] > 0);
    if (--uses_[r] == 0) free_ |= bit(r) & temporaries_;
  }

  // A temporary in use by its caller alone becomes an address.
  void use_to_address(Reg r) {
    uses_[r] = 0;
    addresses_ |= bit(r);
  }
  void free_address(Reg r) {
    addresses_ &= ~bit(r);
    free_ |= bit(r);
  }
  void free_all_addresses() {
    free_ |= addresses_;
    addresses_ = 0;
  }

 private:
  RegSet temporaries_ = 0;
  RegSet free_ = 0;
  RegSet addresses_ = 0;
  std::array<uint32_t, 64> uses_{};
};

}  // namespace nacre::baseline
