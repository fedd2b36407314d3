// Moving several values at once, as calls and returns need.
#include <array>

#include "operand_stack.hh"

namespace nacre::baseline {

void OperandStack::emit_move(const Move& move) {
  const Value& value = move.value;
  switch (value.kind) {
    case Value::Kind::Constant:
      return load_constant(move.to, value.type, value.bits);
    case Value::Kind::Spilled:
      return load_from_frame(move.to, value.type, spill_offset(static_cast<uint32_t>(value.bits)));
    default:
      return move_register(move.to, value.reg, value.type);
  }
}

// Register moves whose target nobody still reads go first; when none is left but cycles, one source is saved in the
// scratch register of its file, which frees its register. Constants and loads read nothing and go last. At most 8 + 8
// argument registers and the index of call_indirect take part, so that the repeated search is bounded.
void OperandStack::move_parallel(std::span<Move> moves) {
  std::array<uint8_t, 64> readers{};
  size_t waiting = 0;
  for (Move& move : moves) {
    if (!move.value.is_register() || move.value.reg == move.to) continue;
    ++readers[move.value.reg];
    ++waiting;
  }
  while (waiting != 0) {
    bool moved = false;
    for (Move& move : moves) {
      if (!move.value.is_register() || move.value.reg == move.to || readers[move.to] != 0) continue;
      emit_move(move);
      --readers[move.value.reg];
      --waiting;
      move.value.reg = move.to;
      moved = true;
    }
    if (moved || waiting == 0) continue;
    for (Move& move : moves) {
      if (!move.value.is_register() || move.value.reg == move.to) continue;
      const Reg from = move.value.reg;
      const Reg aside = is_fpr(from) ? reg(riscv64::kFloatScratch) : reg(riscv64::kScratch);
      move_register(aside, from, move.value.type);
      for (Move& other : moves) {
        if (other.value.is_register() && other.value.reg == from && other.to != from) {
          other.value.reg = aside;
          --readers[from];
          ++readers[aside];
        }
      }
      break;
    }
  }
  for (const Move& move : moves) {
    if (!move.value.is_register()) emit_move(move);
  }
}

}  // namespace nacre::baseline
