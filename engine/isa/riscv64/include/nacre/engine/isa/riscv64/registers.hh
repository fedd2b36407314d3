// Registers of RV64, named as in the psABI.
#pragma once

#include <cstdint>

namespace nacre::riscv64 {

// clang-format off
enum class Gpr : uint8_t {
  Zero, Ra, Sp, Gp, Tp, T0, T1, T2, S0, S1, A0, A1, A2, A3, A4, A5,
  A6, A7, S2, S3, S4, S5, S6, S7, S8, S9, S10, S11, T3, T4, T5, T6,
};
// clang-format on

// clang-format off
enum class Fpr : uint8_t {
  Ft0, Ft1, Ft2, Ft3, Ft4, Ft5, Ft6, Ft7, Fs0, Fs1, Fa0, Fa1, Fa2, Fa3, Fa4, Fa5,
  Fa6, Fa7, Fs2, Fs3, Fs4, Fs5, Fs6, Fs7, Fs8, Fs9, Fs10, Fs11, Ft8, Ft9, Ft10, Ft11,
};
// clang-format on

// The five-bit number of a register in an instruction.
[[nodiscard]] constexpr uint32_t code_of(Gpr r) {
  return static_cast<uint32_t>(r);
}
[[nodiscard]] constexpr uint32_t code_of(Fpr r) {
  return static_cast<uint32_t>(r);
}

// Rounding modes (F extension, table "Rounding mode encoding").
enum class Rounding : uint8_t {
  NearestEven = 0,
  TowardZero = 1,
  Down = 2,
  Up = 3,
  NearestMaxMagnitude = 4,
  Dynamic = 7
};

// The floating-point control registers; the only CSRs that user code touches.
enum class Csr : uint16_t { Fflags = 1, Frm = 2, Fcsr = 3 };

// Ordering bits of the A extension.
enum class Ordering : uint8_t { Relaxed = 0, Release = 1, Acquire = 2, AcquireRelease = 3 };

// Extensions beyond RV64GC that the code generator may use.
struct Features {
  bool zba = true;
  bool zbb = true;
  bool zbs = true;
  bool zicond = false;
};

}  // namespace nacre::riscv64
