// Weighs the constants that a function's loops use and that cost an instruction or more each time, so that the heaviest
// can be given registers.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "registers.hh"

namespace nacre::baseline {

// A constant that has a register for the whole function.
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

// A small table without chains: where two meet, the heavier stays.
class ConstantUses {
 public:
  struct Use {
    uint32_t weight;
    PinnedConstant::Kind kind;
    bool is_float;
    int64_t bits;
  };

  void clear() {
    if (any_) table_.fill({});
    any_ = false;
  }
  [[nodiscard]] bool any() const { return any_; }
  void add(PinnedConstant::Kind kind, int64_t bits, uint32_t weight) {
    any_ = true;
    const auto mixed =
        (static_cast<uint64_t>(bits) + static_cast<uint64_t>(kind)) * 0x9e37'79b9'7f4a'7c15;
    Use& use = table_[mixed >> 59];
    if (use.weight != 0 && (use.bits != bits || use.kind != kind)) {
      if (use.weight >= weight) {
        use.weight -= weight;
        return;
      }
      use.weight = 0;
    }
    const bool is_float =
        kind == PinnedConstant::Kind::Float32 || kind == PinnedConstant::Kind::Float64;
    use = {std::min(use.weight, 0x4000'0000u) + weight, kind, is_float, bits};
  }
  [[nodiscard]] const std::array<Use, 32>& table() const { return table_; }

 private:
  std::array<Use, 32> table_{};
  bool any_ = false;
};

}  // namespace nacre::baseline
