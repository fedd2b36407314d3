#include "local_plan.hh"

#include <algorithm>

#include "nacre/engine/wasm/call_layout.hh"

namespace nacre::baseline {
namespace {

using wasm::ValType;

// A local below this weight costs less in a frame slot than saving and restoring a register for it.
constexpr uint32_t kWorthSaving = 3;
// A constant's instructions at the function's beginning must be worth it.
constexpr uint32_t kWorthPinning = 16;
constexpr uint32_t kFirstConstant = 0x8000'0000;
constexpr uint32_t kForever = ~uint32_t{0};
constexpr size_t kMostIntegers = 40;
constexpr size_t kMostFloats = 40;
// Argument registers that stay temporaries: in functions with calls, always; without, as far as only constants want them.
constexpr RegSet kKept = range(Gpr::A0, 3) | range(Fpr::Fa0, 3);

[[nodiscard]] Reg highest(RegSet set) {
  return static_cast<Reg>(63 - std::countl_zero(set));
}

}  // namespace

// The heaviest N of a sequence, heaviest first.
template <size_t N>
class LocalPlan::Best {
 public:
  void offer(const Candidate& candidate) {
    if (size_ == N) {
      if (candidate.weight <= items_[N - 1].weight) return;
      --size_;
    }
    size_t at = size_++;
    for (; at > 0 && items_[at - 1].weight < candidate.weight; --at) items_[at] = items_[at - 1];
    items_[at] = candidate;
  }
  [[nodiscard]] std::span<const Candidate> items() const { return {items_.data(), size_}; }

 private:
  std::array<Candidate, N> items_;
  size_t size_ = 0;
};

RegSet LocalPlan::temporaries() const {
  return (kIntegerScratch | kFloatScratch | kIntegerArguments | kFloatArguments) & ~pinned;
}

void LocalPlan::make(std::span<const uint8_t> body, const wasm::FuncType& type,
                     std::span<const ValType> locals, uint32_t imported_functions) {
  homes.assign(locals.size(), LocalHome{});
  constants.clear();
  pinned = saved = volatile_pinned = 0;
  slots = 0;
  for (Spans& spans : spans_) spans.count = 0;
  uses_.scan(body, locals.size(), imported_functions);
  has_calls = uses_.call_weight() != 0;
  may_switch_context = uses_.may_switch_context();
  for (size_t local = 0; local < locals.size(); ++local) {
    const LocalUse& use = uses_.uses()[local];
    homes[local].is_used = use.weight != 0;
    homes[local].is_exposed = use.weight != 0 && use.is_exposed;
  }
  reserve_arrivals(type);
  assign_registers(locals);
  give_slots();
}

// Without calls, a parameter that arrives in a register and is used at all stays there. With calls, its register is taken
// at the very beginning.
void LocalPlan::reserve_arrivals(const wasm::FuncType& type) {
  auto assigner = wasm::LocationAssigner::for_params();
  for (uint32_t i = 0; i < type.params.size(); ++i) {
    const wasm::ValueLocation location = assigner.next(type.params[i]);
    const LocalUse& use = uses_.uses()[i];
    if (use.weight == 0 || location.kind == wasm::ValueLocation::Kind::Stack) continue;
    const bool is_float = location.kind == wasm::ValueLocation::Kind::Float;
    const auto r = static_cast<Reg>((is_float ? reg(Fpr::Fa0) : reg(Gpr::A0)) + location.index);
    if (has_calls) {
      occupy(r, 0, 0);
      continue;
    }
    occupy(r, 0, use.end.at);
    homes[i].reg = r;
    pinned |= bit(r);
  }
}

void LocalPlan::assign_registers(std::span<const ValType> locals) {
  Best<kMostIntegers> integers;
  Best<kMostFloats> floats;
  for (uint32_t local = 0; local < locals.size(); ++local) {
    const LocalUse& use = uses_.uses()[local];
    if (use.weight == 0 || homes[local].reg != kNoReg) continue;
    const Candidate candidate{.weight = use.weight,
                              .local = local,
                              .start = use.is_exposed ? 0 : use.start.at,
                              .end = use.end.at,
                              .crosses_calls = use.end.calls != use.start.calls};
    if (wasm::is_float(locals[local])) {
      floats.offer(candidate);
    } else {
      integers.offer(candidate);
    }
  }
  const ConstantUses& constant_uses = uses_.constants();
  for (uint32_t i = 0; constant_uses.any() && i < constant_uses.table().size(); ++i) {
    const ConstantUses::Use& use = constant_uses.table()[i];
    if (use.weight < kWorthPinning) continue;
    const Candidate candidate{.weight = use.weight,
                              .local = kFirstConstant + i,
                              .start = 0,
                              .end = kForever,
                              .crosses_calls = has_calls};
    if (use.is_float) {
      floats.offer(candidate);
    } else {
      integers.offer(candidate);
    }
  }
  const RegSet kept = has_calls ? kKept : 0;
  assign(integers.items(), kIntegerArguments & ~kept, kIntegerSaved);
  assign(floats.items(), kFloatArguments & ~kept, kFloatSaved);
}

void LocalPlan::assign(std::span<const Candidate> best, RegSet caller_saved, RegSet callee_saved) {
  for (const Candidate& candidate : best) {
    const Reg r = choose(candidate, caller_saved, callee_saved);
    if (r == kNoReg) continue;
    occupy(r, candidate.start, candidate.end);
    pinned |= bit(r);
    if (candidate.local < kFirstConstant) {
      homes[candidate.local].reg = r;
      continue;
    }
    const ConstantUses::Use& use = uses_.constants().table()[candidate.local - kFirstConstant];
    constants.push_back({.kind = use.kind, .reg = r, .bits = use.bits});
    slot_of_[r] = kNoSlot;
  }
}

Reg LocalPlan::choose(const Candidate& candidate, RegSet caller_saved, RegSet callee_saved) {
  const bool is_constant = candidate.local >= kFirstConstant;
  if (!candidate.crosses_calls) {
    // From the top: low argument registers serve better as temporaries.
    const Reg r = first_free(candidate, caller_saved & ~(is_constant ? kKept : 0));
    if (r != kNoReg) return r;
  }
  // One that is saved anyway costs nothing more.
  if (const Reg r = first_free(candidate, callee_saved & saved); r != kNoReg) return r;
  if (candidate.weight >= kWorthSaving && (callee_saved & ~saved) != 0) {
    const Reg r = lowest(callee_saved & ~saved);
    saved |= bit(r);
    return r;
  }
  if (!candidate.crosses_calls || candidate.weight <= uint64_t{2} * uses_.call_weight())
    return kNoReg;
  // Whoever shares the register is stored and reloaded with it, which does no harm; but there is one slot.
  const Reg r = first_free(candidate, caller_saved & ~volatile_pinned);
  if (r != kNoReg) volatile_pinned |= bit(r);
  return r;
}

Reg LocalPlan::first_free(const Candidate& candidate, RegSet from) const {
  for (; from != 0; from &= ~bit(highest(from))) {
    const Reg r = highest(from);
    if (is_free(r, candidate.start, candidate.end)) return r;
  }
  return kNoReg;
}

bool LocalPlan::is_free(Reg r, uint32_t start, uint32_t end) const {
  const Spans& spans = spans_[r];
  if (spans.count == Spans::kMost) return false;
  for (uint32_t i = 0; i < spans.count; ++i) {
    if (start <= spans.items[i][1] && spans.items[i][0] <= end) return false;
  }
  return true;
}

void LocalPlan::occupy(Reg r, uint32_t start, uint32_t end) {
  Spans& spans = spans_[r];
  spans.items[spans.count++] = {start, end};
}

void LocalPlan::give_slots() {
  for (LocalHome& home : homes) {
    if (!home.is_used) continue;
    if (home.reg != kNoReg) {
      if ((volatile_pinned & bit(home.reg)) == 0) continue;
      slot_of_[home.reg] = slots;
    }
    home.slot = slots++;
    home.has_slot = true;
  }
}

}  // namespace nacre::baseline
