// Decides, before a function is compiled, where each local lives: a register for the whole function, or a frame slot.
//
// One look over the body (wasm::scan_body) adds up the uses of every local, an occurrence in a loop counting eight times
// that outside. Then the most used locals get registers: in a function without calls parameters stay where they arrive
// and others take caller-saved registers for nothing; otherwise callee-saved registers, where saving and restoring must
// pay; and when those run out, caller-saved ones, if their uses outweigh saving them around every call.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nacre/engine/wasm/module.hh"
#include "registers.hh"

namespace nacre::baseline {

// A constant that loops use so often that it gets a register for the whole function.
struct PinnedConstant {
  enum class Kind : uint8_t {
    Integer,  // `bits`, sign-extended
    Float32,
    Float64,
    Page,  // memory base + `bits`: the part of an offset beyond a displacement
  };
  Kind kind;
  Reg reg;
  int64_t bits;
};

// The part of a displacement that a load or store can carry; what remains is a multiple of 4096, never negative.
[[nodiscard]] constexpr int32_t low_part(uint64_t offset) {
  const auto low = static_cast<int32_t>(offset & 0xfff);
  return low < 2048 ? low : low - 4096;
}
[[nodiscard]] constexpr uint64_t high_part(uint64_t offset) {
  return offset - static_cast<uint64_t>(int64_t{low_part(offset)});
}

struct LocalHome {
  uint32_t weight = 0;  // 0: never mentioned
  uint32_t slot = 0;    // among the frame's local slots; valid if has_slot
  Reg reg = kNoReg;     // pinned register
  bool has_slot = false;
  bool is_read_first = true;  // false: certainly written before it is read
};

class LocalPlan {
 public:
  // `locals`: parameters first.
  void make(std::span<const uint8_t> body, const wasm::FuncType& type,
            std::span<const wasm::ValType> locals, uint32_t imported_functions);

  std::vector<LocalHome> homes;
  std::vector<PinnedConstant> constants;
  // The register that holds the constant, or kNoReg.
  [[nodiscard]] Reg find_constant(PinnedConstant::Kind kind, int64_t bits) const {
    for (const PinnedConstant& constant : constants) {
      if (constant.bits == bits && constant.kind == kind) return constant.reg;
    }
    return kNoReg;
  }
  RegSet pinned = 0;
  RegSet saved = 0;  // callee-saved registers among `pinned`
  RegSet volatile_pinned =
      0;                   // caller-saved ones in a function with calls: stored around each call
  uint32_t slots = 0;      // of locals in the frame, 8 bytes each
  bool has_calls = false;  // of whatever kind, builtins too
  bool may_switch_context = false;  // calls imports or through tables
  // Temporaries of this function.
  [[nodiscard]] RegSet temporaries() const;
  static constexpr uint32_t kNoLocal = ~uint32_t{0};
  // The local whose home is the register, which must be pinned; kNoLocal for a constant's.
  [[nodiscard]] uint32_t local_in(Reg r) const { return local_of_[r]; }

 private:
  template <class Candidates>
  void assign(const Candidates& best, const class ConstantUses& uses, RegSet free_volatile,
              RegSet free_saved);
  void pin(uint32_t local, Reg r);
  void keep_parameters(const wasm::FuncType& type);
  void give_slots();

  uint32_t call_weight_ = 0;
  uint32_t local_of_[64] = {};
};

}  // namespace nacre::baseline
