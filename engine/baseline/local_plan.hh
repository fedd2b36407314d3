// Decides, before a function is compiled, where each local lives: a register, or a frame slot.
//
// The most used locals (local_uses.hh) choose first. A register may serve several locals that are not needed at the same
// time. A local that no call interrupts takes a caller-saved register, for nothing; a parameter the one it arrives in, where
// possible. The others take callee-saved registers, if saving and restoring them pays; and when those run out, caller-saved
// ones, if their uses outweigh storing them around every call. Constants that loops use compete by the same weights.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "constant_uses.hh"
#include "local_uses.hh"
#include "nacre/engine/wasm/module.hh"
#include "registers.hh"

namespace nacre::baseline {

struct LocalHome {
  uint32_t slot = 0;  // among the frame's local slots; valid if has_slot
  Reg reg = kNoReg;   // pinned register
  bool has_slot = false;
  bool is_used = false;     // mentioned at all
  bool is_exposed = false;  // may be read before it is written
};

class LocalPlan {
 public:
  explicit LocalPlan(PausePoint& pauses) : uses_(pauses) {}

  // `locals`: parameters first.
  void make(std::span<const uint8_t> body, const wasm::FuncType& type,
            std::span<const wasm::ValType> locals, uint32_t imported_functions);

  std::vector<LocalHome> homes;
  std::vector<PinnedConstant> constants;
  RegSet pinned = 0;
  RegSet saved = 0;  // callee-saved registers among `pinned`
  RegSet volatile_pinned =
      0;                   // caller-saved ones that hold something across calls: stored around each
  uint32_t slots = 0;      // of locals in the frame, 8 bytes each
  bool has_calls = false;  // of whatever kind, builtins too
  bool may_switch_context = false;  // calls imports or through tables

  // Temporaries of this function.
  [[nodiscard]] RegSet temporaries() const;
  // The register that holds the constant, or kNoReg.
  [[nodiscard]] Reg find_constant(PinnedConstant::Kind kind, int64_t bits) const {
    for (const PinnedConstant& constant : constants) {
      if (constant.bits == bits && constant.kind == kind) return constant.reg;
    }
    return kNoReg;
  }
  static constexpr uint32_t kNoSlot = ~uint32_t{0};
  // Where a register of volatile_pinned is stored; kNoSlot for a constant's, which is made anew.
  [[nodiscard]] uint32_t slot_of(Reg r) const { return slot_of_[r]; }

 private:
  struct Candidate {
    uint32_t weight;
    uint32_t local;  // or kFirstConstant + index of a constant
    uint32_t start;
    uint32_t end;
    bool crosses_calls;
  };
  // What a register is taken for.
  struct Spans {
    static constexpr size_t kMost = 12;
    uint32_t count = 0;
    std::array<std::array<uint32_t, 2>, kMost> items;
  };
  template <size_t N>
  class Best;

  void reserve_arrivals(const wasm::FuncType& type);
  void assign_registers(std::span<const wasm::ValType> locals);
  void assign(std::span<const Candidate> best, RegSet caller_saved, RegSet callee_saved);
  [[nodiscard]] Reg choose(const Candidate& candidate, RegSet caller_saved, RegSet callee_saved);
  [[nodiscard]] Reg first_free(const Candidate& candidate, RegSet from) const;
  [[nodiscard]] bool is_free(Reg r, uint32_t start, uint32_t end) const;
  void occupy(Reg r, uint32_t start, uint32_t end);
  void give_slots();

  LocalUses uses_;
  std::array<Spans, 64> spans_;
  std::array<uint32_t, 64> slot_of_{};
};

}  // namespace nacre::baseline
