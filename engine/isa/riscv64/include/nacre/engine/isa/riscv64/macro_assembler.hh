// Sequences over the encoder, with WebAssembly's semantics where the instruction set differs. What
// one function emits is correct for any operands unless its comment limits them, and for
// destination = source in any combination. t6 and ft11 belong to these functions, see
// control_assembler.hh.
//
// Values: an i32 is held sign-extended to 64 bits (so that 64-bit compares order i32 and u32
// correctly); macros for i32 expect and deliver that form. f32 are NaN-boxed, as the F extension
// does by itself.
#pragma once

#include <cstdint>

#include "nacre/engine/isa/riscv64/control_assembler.hh"

namespace nacre::riscv64 {

enum class FloatCondition : uint8_t { Eq, Ne, Lt, Gt, Le, Ge };

enum class Width : uint8_t { W32, W64 };       // of an integer operation
enum class FloatWidth : uint8_t { F32, F64 };  // of a float operation
enum class Signedness : uint8_t { Signed, Unsigned };

class MacroAssembler : public ControlAssembler {
 public:
  using ControlAssembler::ControlAssembler;

  // ---- Integers ----
  void mv(Gpr rd, Gpr rs) {
    if (rd != rs) addi(rd, rs, 0);
  }
  // Any 64-bit constant, in the fewest instructions known; touches only rd.
  void li(Gpr rd, int64_t value) {
    if (fits_imm12(value)) [[likely]] {
      addi(rd, Gpr::Zero, static_cast<int32_t>(value));
    } else {
      li_slow(rd, value);
    }
  }
  // How many instructions `li` takes.
  [[nodiscard]] uint32_t li_cost(int64_t value) const;
  void add_imm(Gpr rd, Gpr rs, int64_t value, Width width = Width::W64);
  void and_imm(Gpr rd, Gpr rs, int64_t value);
  void or_imm(Gpr rd, Gpr rs, int64_t value);
  void xor_imm(Gpr rd, Gpr rs, int64_t value);
  void neg(Gpr rd, Gpr rs, Width width);
  void not_(Gpr rd, Gpr rs) { xori(rd, rs, -1); }

  void sext_w(Gpr rd, Gpr rs) { addiw(rd, rs, 0); }
  void zext_w(Gpr rd, Gpr rs);
  void extend8_signed(Gpr rd, Gpr rs);
  void extend16_signed(Gpr rd, Gpr rs);
  void extend16_unsigned(Gpr rd, Gpr rs);

  // rd = a ? b as 0 or 1.
  void set_if(Condition c, Gpr rd, Gpr a, Gpr b);
  void set_if_imm(Condition c, Gpr rd, Gpr a, int64_t b);
  void set_if_zero(Gpr rd, Gpr rs) { sltiu(rd, rs, 1); }
  void set_if_not_zero(Gpr rd, Gpr rs) { sltu(rd, Gpr::Zero, rs); }
  // rd = condition != 0 ? a : b
  void select(Gpr rd, Gpr condition, Gpr a, Gpr b);
  void select(Fpr rd, Gpr condition, Fpr a, Fpr b);

  void rotate_left(Gpr rd, Gpr a, Gpr amount, Width width);
  void rotate_right(Gpr rd, Gpr a, Gpr amount, Width width);
  void rotate_left_imm(Gpr rd, Gpr a, uint32_t amount, Width width);
  void rotate_right_imm(Gpr rd, Gpr a, uint32_t amount, Width width);
  // Without Zbb these are loops or ladders that use `temporary` (≠ rd, rs).
  void count_leading_zeros(Gpr rd, Gpr rs, Width width, Gpr temporary);
  void count_trailing_zeros(Gpr rd, Gpr rs, Width width, Gpr temporary);
  void count_ones(Gpr rd, Gpr rs, Width width, Gpr temporary);

  // Division with WebAssembly's traps. `divide_signed` checks for zero and for MIN / -1.
  void divide_signed(Gpr rd, Gpr a, Gpr b, Width width, uint32_t wasm_offset);
  void divide_unsigned(Gpr rd, Gpr a, Gpr b, Width width, uint32_t wasm_offset);
  void remainder_signed(Gpr rd, Gpr a, Gpr b, Width width, uint32_t wasm_offset);
  void remainder_unsigned(Gpr rd, Gpr a, Gpr b, Width width, uint32_t wasm_offset);

  // ---- Memory ----
  // Loads and stores by opcode word (namespace op) at any distance; beyond 12 bits the address is
  // built in kScratch (base ≠ kScratch then). The access is the last instruction emitted:
  // `last_may_trap` afterwards.
  void load(uint32_t bits, Gpr rd, Gpr base, int64_t offset) {
    const Address address = reachable(base, offset);
    emit_load(bits, rd, address.offset, address.base);
  }
  void load(uint32_t bits, Fpr fd, Gpr base, int64_t offset) {
    const Address address = reachable(base, offset);
    emit_fload(bits, fd, address.offset, address.base);
  }
  void store(uint32_t bits, Gpr value, Gpr base, int64_t offset) {
    const Address address = reachable(base, offset);
    emit_store(bits, value, address.offset, address.base);
  }
  void store(uint32_t bits, Fpr value, Gpr base, int64_t offset) {
    const Address address = reachable(base, offset);
    emit_fstore(bits, value, address.offset, address.base);
  }

  // ---- Floats ----
  void fmv(Fpr fd, Fpr fs, FloatWidth width);
  void float_constant(Fpr fd, uint64_t bits, FloatWidth width);
  void float_neg(Fpr fd, Fpr fs, FloatWidth width);
  void float_abs(Fpr fd, Fpr fs, FloatWidth width);
  void copysign(Fpr fd, Fpr magnitude, Fpr sign, FloatWidth width);
  // NaN if either is NaN; -0 < +0.
  void float_min(Fpr fd, Fpr a, Fpr b, FloatWidth width);
  void float_max(Fpr fd, Fpr a, Fpr b, FloatWidth width);
  // ceil (Up), floor (Down), trunc (TowardZero), nearest (NearestEven).
  void float_round(Fpr fd, Fpr fs, Rounding mode, FloatWidth width);
  void set_if_float(FloatCondition c, Gpr rd, Fpr a, Fpr b, FloatWidth width);
  // Branches if the comparison yields `expected`; with NaN every comparison but Ne is false.
  void branch_float(FloatCondition c, bool expected, Fpr a, Fpr b, FloatWidth width, Label& label);

  // trunc_sat: NaN gives 0. rd ≠ kScratch.
  void truncate_saturating(Gpr rd, Width to, Signedness sign, Fpr fs, FloatWidth from);
  // trunc: NaN traps with InvalidConversion, out of range with IntegerOverflow.
  void truncate_trapping(Gpr rd, Width to, Signedness sign, Fpr fs, FloatWidth from,
                         uint32_t wasm_offset);
  void convert(Fpr fd, FloatWidth to, Gpr rs, Width from, Signedness sign);
  void reinterpret(Gpr rd, Fpr fs, FloatWidth width);
  void reinterpret(Fpr fd, Gpr rs, FloatWidth width);

 private:
  struct Address {
    Gpr base;
    int32_t offset;
  };

  void li_slow(Gpr rd, int64_t value);
  // Brings base + offset into reach of a 12-bit displacement.
  Address reachable(Gpr base, int64_t offset) {
    if (fits_imm12(offset)) [[likely]]
      return {base, static_cast<int32_t>(offset)};
    return reachable_slow(base, offset);
  }
  Address reachable_slow(Gpr base, int64_t offset);
  void float_extremum(uint32_t bits, Fpr fd, Fpr a, Fpr b, FloatWidth width);
  void count_ladder(Gpr rd, Gpr temporary, bool leading);
};

}  // namespace nacre::riscv64
