#include "local_plan.hh"

#include <algorithm>
#include <array>

#include "nacre/engine/wasm/body_scanner.hh"
#include "nacre/engine/wasm/call_layout.hh"

namespace nacre::baseline {
namespace {

using wasm::Opcode;
using wasm::ValType;

// A use below this weight costs less in a frame slot than saving and restoring a register for it.
constexpr uint32_t kWorthSaving = 3;
constexpr unsigned kLoopShift = 3;
constexpr unsigned kDeepestLoop = 5;
constexpr size_t kMostIntegers = 18;
constexpr size_t kMostFloats = 22;
// Argument registers that constants do not get, so that temporaries do not run short.
constexpr RegSet kKeptFromConstants = range(Gpr::A0, 3) | range(Fpr::Fa0, 3);

// Instructions that cannot take a constant operand as an immediate, whatever its size.
[[nodiscard]] constexpr bool needs_register(uint8_t byte) {
  const auto in = [byte](Opcode first, Opcode last) {
    return byte >= static_cast<uint8_t>(first) && byte <= static_cast<uint8_t>(last);
  };
  return in(Opcode::I32Eq, Opcode::I32GeU) || in(Opcode::I64Eq, Opcode::I64GeU) ||
         in(Opcode::I32Store, Opcode::I64Store32) || in(Opcode::I32Mul, Opcode::I32RemU) ||
         in(Opcode::I64Mul, Opcode::I64RemU);
}

}  // namespace

// Weighs the constants that are used in loops and cost an instruction or more each time. A small table without chains:
// where two meet, the heavier stays.
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

namespace {

// Adds up uses. Loops are tracked by depth only: `is_loop_` is a bit per open block, good for 64 levels; what is nested
// deeper counts as its surroundings.
class UseCounter : public wasm::NullScanVisitor {
 public:
  UseCounter(std::span<LocalHome> homes, uint32_t imported_functions, ConstantUses& constants)
      : homes_(homes), imported_functions_(imported_functions), constants_(constants) {}

  void on_local_get(uint32_t local) {
    if (local < homes_.size()) add(homes_[local]);
  }
  void on_local_set(uint32_t local) {
    if (local >= homes_.size()) return;
    LocalHome& home = homes_[local];
    if (home.weight == 0 && depth_ == 0) home.is_read_first = false;
    add(home);
  }
  void on_local_tee(uint32_t local) { on_local_set(local); }

  void on_open(Opcode opcode) {
    if (depth_ < 64) {
      is_loop_ &= ~(uint64_t{1} << depth_);
      if (opcode == Opcode::Loop) {
        is_loop_ |= uint64_t{1} << depth_;
        set_loops(loops_ + 1);
      }
    }
    ++depth_;
  }
  void on_end() {
    if (depth_ == 0) return;
    --depth_;
    if (depth_ < 64 && (is_loop_ >> depth_ & 1) != 0) set_loops(loops_ - 1);
  }
  [[nodiscard]] bool wants_small_const(uint8_t next) const {
    return loops_ != 0 && needs_register(next);
  }
  void on_const(ValType type, int64_t bits, uint8_t next) {
    if (loops_ == 0 || bits == 0) return;
    switch (type) {
      case ValType::F32:
        return constants_.add(PinnedConstant::Kind::Float32, bits, 2 * weight_);
      case ValType::F64:
        return constants_.add(PinnedConstant::Kind::Float64, bits, 2 * weight_);
      default:
        break;
    }
    const bool is_small = bits >= -2048 && bits <= 2047;
    if (is_small && !needs_register(next)) return;
    const bool is_power = (bits & (bits - 1)) == 0;
    // Powers of two and their like end as shifts or bit operations.
    if (is_power && next != static_cast<uint8_t>(Opcode::I32Add)) return;
    const uint32_t cost = is_small || (bits & 0xfff) == 0 ? 1 : 2;
    constants_.add(PinnedConstant::Kind::Integer, bits, cost * weight_);
  }
  void on_far_access(uint32_t offset) {
    const uint64_t high = high_part(offset);
    if (loops_ != 0 && high != 0)
      constants_.add(PinnedConstant::Kind::Page, static_cast<int64_t>(high), 2 * weight_);
  }
  void on_call(uint32_t function) {
    note_call();
    may_switch_context |= function < imported_functions_;
  }
  void on_call_indirect(uint32_t /*type*/, uint32_t /*table*/) {
    note_call();
    may_switch_context = true;
  }
  void on_bulk(Opcode opcode) {
    switch (opcode) {
      case Opcode::MemorySize:
      case Opcode::TableGet:
      case Opcode::TableSet:
      case Opcode::TableSize:
        return;
      default:
        return note_call();
    }
  }

  uint64_t call_weight = 0;
  bool may_switch_context = false;

 private:
  void add(LocalHome& home) {
    if (home.weight < 0x8000'0000) home.weight += weight_;
  }
  void note_call() { call_weight += weight_; }
  void set_loops(unsigned loops) {
    loops_ = loops;
    weight_ = 1u << (kLoopShift * std::min(loops_, kDeepestLoop));
  }

  std::span<LocalHome> homes_;
  uint32_t imported_functions_;
  ConstantUses& constants_;
  uint32_t weight_ = 1;
  uint32_t depth_ = 0;
  unsigned loops_ = 0;
  uint64_t is_loop_ = 0;
};

// The heaviest N of a sequence, heaviest first.
template <size_t N, class T>
class Best {
 public:
  void offer(T candidate) {
    if (size_ == N) {
      if (candidate.weight <= items_[N - 1].weight) return;
      --size_;
    }
    size_t at = size_++;
    for (; at > 0 && items_[at - 1].weight < candidate.weight; --at) items_[at] = items_[at - 1];
    items_[at] = candidate;
  }
  [[nodiscard]] std::span<const T> items() const { return {items_.data(), size_}; }

 private:
  std::array<T, N> items_{};
  size_t size_ = 0;
};

struct Candidate {
  uint32_t weight;
  uint32_t local;  // or kFirstConstant + index of a constant
};
constexpr uint32_t kFirstConstant = 0x8000'0000;
// A constant's instructions at the function's beginning must be worth it.
constexpr uint32_t kWorthPinning = 16;

[[nodiscard]] Reg highest(RegSet set) {
  return static_cast<Reg>(63 - std::countl_zero(set));
}

template <class Integers, class Floats>
void offer_constants(const ConstantUses& uses, Integers& integers, Floats& floats) {
  if (!uses.any()) return;
  for (uint32_t i = 0; i < uses.table().size(); ++i) {
    const ConstantUses::Use& use = uses.table()[i];
    if (use.weight < kWorthPinning) continue;
    if (use.is_float) {
      floats.offer({use.weight, kFirstConstant + i});
    } else {
      integers.offer({use.weight, kFirstConstant + i});
    }
  }
}

}  // namespace

RegSet LocalPlan::temporaries() const {
  return (kIntegerScratch | kFloatScratch | kIntegerArguments | kFloatArguments) & ~pinned;
}

template <class Candidates>
void LocalPlan::assign(const Candidates& best, const ConstantUses& uses, RegSet free_volatile,
                       RegSet free_saved) {
  for (const Candidate& candidate : best) {
    const bool is_constant = candidate.local >= kFirstConstant;
    Reg r = kNoReg;
    if (!has_calls && (free_volatile & ~(is_constant ? kKeptFromConstants : 0)) != 0) {
      // From the top: low argument registers serve better as temporaries.
      r = highest(free_volatile);
    } else if (free_saved != 0 && candidate.weight >= kWorthSaving) {
      r = lowest(free_saved);
      saved |= bit(r);
    } else if (has_calls && free_volatile != 0 && candidate.weight > uint64_t{2} * call_weight_) {
      r = highest(free_volatile);
      volatile_pinned |= bit(r);
    } else {
      continue;
    }
    free_volatile &= ~bit(r);
    free_saved &= ~bit(r);
    if (!is_constant) {
      pin(candidate.local, r);
      continue;
    }
    const ConstantUses::Use& use = uses.table()[candidate.local - kFirstConstant];
    local_of_[r] = kNoLocal;
    pinned |= bit(r);
    constants.push_back({.kind = use.kind, .reg = r, .bits = use.bits});
  }
}

void LocalPlan::make(std::span<const uint8_t> body, const wasm::FuncType& type,
                     std::span<const ValType> locals, uint32_t imported_functions) {
  homes.assign(locals.size(), LocalHome{});
  pinned = saved = volatile_pinned = 0;
  slots = 0;
  constants.clear();
  ConstantUses constant_uses;
  UseCounter counter(homes, imported_functions, constant_uses);
  wasm::scan_body(body, counter);
  has_calls = counter.call_weight != 0;
  may_switch_context = counter.may_switch_context;
  call_weight_ = static_cast<uint32_t>(std::min<uint64_t>(counter.call_weight, 0x4000'0000));

  if (!has_calls) keep_parameters(type);
  Best<kMostIntegers, Candidate> integers;
  Best<kMostFloats, Candidate> floats;
  for (uint32_t local = 0; local < locals.size(); ++local) {
    const LocalHome& home = homes[local];
    if (home.weight == 0 || home.reg != kNoReg) continue;
    const Candidate candidate{home.weight, local};
    if (wasm::is_float(locals[local])) {
      floats.offer(candidate);
    } else {
      integers.offer(candidate);
    }
  }
  // With calls, a0, a1, fa0 and fa1 stay free for results, and registers in which parameters arrive for the arguments.
  RegSet free_integers = kIntegerArguments & ~pinned;
  RegSet free_floats = kFloatArguments & ~pinned;
  if (has_calls) {
    auto assigner = wasm::LocationAssigner::for_params();
    free_integers &= ~range(Gpr::A0, 2);
    free_floats &= ~range(Fpr::Fa0, 2);
    for (ValType t : type.params) {
      const wasm::ValueLocation location = assigner.next(t);
      if (location.kind == wasm::ValueLocation::Kind::Integer) {
        free_integers &= ~bit(static_cast<Reg>(reg(Gpr::A0) + location.index));
      } else if (location.kind == wasm::ValueLocation::Kind::Float) {
        free_floats &= ~bit(static_cast<Reg>(reg(Fpr::Fa0) + location.index));
      }
    }
  }
  offer_constants(constant_uses, integers, floats);
  assign(integers.items(), constant_uses, free_integers, kIntegerSaved);
  assign(floats.items(), constant_uses, free_floats, kFloatSaved);
  give_slots();
}

// Without calls, a parameter in a register that is used at all stays there.
void LocalPlan::keep_parameters(const wasm::FuncType& type) {
  auto assigner = wasm::LocationAssigner::for_params();
  for (uint32_t i = 0; i < type.params.size(); ++i) {
    const wasm::ValueLocation location = assigner.next(type.params[i]);
    if (homes[i].weight == 0) continue;
    if (location.kind == wasm::ValueLocation::Kind::Integer) {
      pin(i, static_cast<Reg>(reg(Gpr::A0) + location.index));
    } else if (location.kind == wasm::ValueLocation::Kind::Float) {
      pin(i, static_cast<Reg>(reg(Fpr::Fa0) + location.index));
    }
  }
}

void LocalPlan::pin(uint32_t local, Reg r) {
  homes[local].reg = r;
  local_of_[r] = local;
  pinned |= bit(r);
}

void LocalPlan::give_slots() {
  for (LocalHome& home : homes) {
    if (home.weight == 0) continue;
    if (home.reg != kNoReg && (volatile_pinned & bit(home.reg)) == 0) continue;
    home.slot = slots++;
    home.has_slot = true;
  }
}

}  // namespace nacre::baseline
