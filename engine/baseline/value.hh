// Entries of the compile-time value stack: where an operand is, and what is still to be done to it.
//
// Work is put off as long as it may vanish into its consumer: constants become immediates, comparisons become
// branches, extensions and small shifts become add.uw and sh?add. An entry that names a pinned local's register is a
// reference, not a copy; before the local changes, such entries are moved to a temporary (FunctionCompiler::preserve).
#pragma once

#include <cstdint>

#include "nacre/engine/isa/riscv64/macro_assembler.hh"
#include "nacre/engine/wasm/types.hh"
#include "registers.hh"

namespace nacre::baseline {

using riscv64::Condition;

// What remains to be done to a register to get the value.
enum class Pending : uint8_t {
  None,
  Narrow,  // i32: the upper half is undefined; sext.w
  Widen,  // i64: zero-extended lower half of the register (whose upper half may be undefined); zext.w
  Shift1,  // shifted left by 1, 2, 3; for an i32 the upper half may be undefined
  Shift2,
  Shift3,
  WidenShift1,  // i64: Widen, then shifted
  WidenShift2,
  WidenShift3,
  Plus,  // i32: `bits` is still to be added, which is known not to leave 31 bits; the register is not negative
};

[[nodiscard]] constexpr bool is_shift(Pending p) {
  return p >= Pending::Shift1 && p <= Pending::Shift3;
}
[[nodiscard]] constexpr bool is_widen_shift(Pending p) {
  return p >= Pending::WidenShift1 && p <= Pending::WidenShift3;
}
// 1–3, for both kinds of shift.
[[nodiscard]] constexpr unsigned shift_of(Pending p) {
  return static_cast<unsigned>(p) -
         static_cast<unsigned>(is_widen_shift(p) ? Pending::WidenShift1 : Pending::Shift1) + 1;
}
[[nodiscard]] constexpr Pending pending_shift(unsigned amount) {
  return static_cast<Pending>(static_cast<unsigned>(Pending::Shift1) + amount - 1);
}
[[nodiscard]] constexpr Pending pending_widen_shift(unsigned amount) {
  return static_cast<Pending>(static_cast<unsigned>(Pending::WidenShift1) + amount - 1);
}

struct Value {
  enum class Kind : uint8_t {
    Constant,  // `bits`: i32 sign-extended, floats as bits
    Register,  // `reg`, after `pending`
    Spilled,   // in spill slot number `bits`, that of its stack position
    Compare,  // i32: `reg` `condition` `other`, or `bits` if `other` is kNoReg; registers are clean
  };

  Kind kind;
  wasm::ValType type;
  Pending pending = Pending::None;
  Reg reg = kZero;
  Reg other = kNoReg;
  Condition condition = Condition::Eq;
  // Of a constant, a spill slot, an addend; of other registers holding an i32: if not 0, how many low bits may be set.
  int64_t bits = 0;

  [[nodiscard]] bool is_constant() const { return kind == Kind::Constant; }
  [[nodiscard]] bool is_constant(int64_t value) const { return is_constant() && bits == value; }
  [[nodiscard]] bool is_register() const { return kind == Kind::Register; }
  [[nodiscard]] bool is_compare() const { return kind == Kind::Compare; }
  // Nothing is pending: can be copied by one move, load or constant.
  [[nodiscard]] bool is_simple() const { return kind != Kind::Compare && pending == Pending::None; }
  [[nodiscard]] bool names(Reg r) const {
    return (kind == Kind::Register && reg == r) ||
           (kind == Kind::Compare && (reg == r || other == r));
  }

  static Value constant(wasm::ValType type, int64_t bits) {
    return {.kind = Kind::Constant, .type = type, .bits = bits};
  }
  static Value in_register(wasm::ValType type, Reg r, Pending pending = Pending::None,
                           int64_t bits = 0) {
    return {.kind = Kind::Register, .type = type, .pending = pending, .reg = r, .bits = bits};
  }
  static Value spilled(wasm::ValType type, uint32_t position) {
    return {.kind = Kind::Spilled, .type = type, .bits = position};
  }
  static Value compare(Condition condition, Reg a, Reg b) {
    return {.kind = Kind::Compare,
            .type = wasm::ValType::I32,
            .reg = a,
            .other = b,
            .condition = condition};
  }
  static Value compare_constant(Condition condition, Reg a, int64_t bits) {
    return {.kind = Kind::Compare,
            .type = wasm::ValType::I32,
            .reg = a,
            .condition = condition,
            .bits = bits};
  }
};
static_assert(sizeof(Value) == 16);

}  // namespace nacre::baseline
