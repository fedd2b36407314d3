// Labels, islands, trap exits, calls between functions. See control_assembler.hh, "Branches out of reach".
//
// An island is a run of code that nothing falls into (a jump leads over it where needed). It holds, in order: for
// every conditional branch near its limit a `jal` to the same label ("hop"), and every pending trap exit, both merged by
// the offset of their branch; hops for `jal`s near theirs; veneers for near calls whose callee is not known yet. Since each
// of the first kind takes four bytes and stems from a branch of four bytes, no later entry is farther from its branch than
// the first, so a deadline for the oldest is one for all.
#include <algorithm>

#include "nacre/engine/isa/riscv64/control_assembler.hh"

namespace nacre::riscv64 {

namespace {

constexpr uint32_t kBranchReach = 4094;
constexpr uint32_t kJumpReach = (1u << 20) - 2;
// Code that may be emitted after a deadline was due: up to the next checkpoint, and the island's first jump.
constexpr uint32_t kBranchSlack = ControlAssembler::kMaxCodeBetweenCheckpoints + 16;
// An island of branch exits may come before, at most 4 KiB; then up to kMaxLongExits of eight bytes.
constexpr uint32_t kJumpSlack = 128 << 10;
constexpr uint32_t kMaxLongExits = 6000;
// Exits due this soon are emitted with those that are due: where an island has to be jumped over, and where it is free.
constexpr uint32_t kBranchWindow = 1024;
constexpr uint32_t kFreeBranchWindow = 2048;
constexpr uint32_t kJumpWindow = 512 << 10;

[[nodiscard]] constexpr uint32_t branch_deadline(uint32_t offset) {
  return offset + kBranchReach - kBranchSlack;
}
[[nodiscard]] constexpr uint32_t jump_deadline(uint32_t offset) {
  return offset + kJumpReach - kJumpSlack;
}

}  // namespace

ControlAssembler::ControlAssembler(const Features& features, uint32_t functions,
                                   uint32_t expected_size)
    : Assembler(expected_size), features_(features), entries_(functions, kUnknownOffset) {}

// ---- Functions ----

void ControlAssembler::begin_function(uint32_t function) {
  unreachable_at_ = position();
  checkpoint();
  ASSERT(function < entries_.size());
  entries_[function] = position();
  current_function_ = function;
  barrier();
}

uint32_t ControlAssembler::reserve_prologue(uint32_t words) {
  const uint32_t at = position();
  entries_[current_function_] = kUnknownOffset;
  // What stays unused is never reached; if it were, it stops.
  for (uint32_t i = 0; i < words; ++i) ebreak();
  barrier();
  return at;
}

uint32_t ControlAssembler::finish_prologue(uint32_t reserved_at, uint32_t reserved_words,
                                           std::span<const uint32_t> prologue) {
  ASSERT(prologue.size() <= reserved_words);
  const uint32_t end = reserved_at + 4 * reserved_words;
  const uint32_t entry = end - 4 * static_cast<uint32_t>(prologue.size());
  uint32_t at = entry;
  for (uint32_t instruction : prologue) {
    code_.patch32(at, instruction);
    at += 4;
  }
  entries_[current_function_] = entry;
  return entry;
}

void ControlAssembler::end_function() {
  ASSERT(live_uses_ == 0 || failed());
  for (const PendingTrap& trap : pending_traps_) emit_trap_exit(trap);
  pending_traps_.clear();
  uses_.clear();
  first_branch_ = 0;
  live_uses_ = 0;
  oldest_jump_ = kNoDeadline;
  update_deadline();
}

void ControlAssembler::finish() {
  for (size_t i = first_call_; i < pending_calls_.size(); ++i) {
    const uint32_t target = entries_[pending_calls_[i].function];
    ASSERT(target != kUnknownOffset);
    patch_jump(pending_calls_[i].offset, target);
  }
  pending_calls_.clear();
  first_call_ = 0;
  for (const PendingCall& call : far_calls_) {
    const uint32_t target = entries_[call.function];
    ASSERT(target != kUnknownOffset);
    patch_far(call.offset, target);
  }
  far_calls_.clear();
}

void ControlAssembler::call_function(uint32_t function, Reach reach) {
  call_or_jump(Gpr::Ra, function, reach);
}

void ControlAssembler::tail_jump_function(uint32_t function, Reach reach) {
  call_or_jump(Gpr::Zero, function, reach);
  after_unconditional();
}

void ControlAssembler::call_or_jump(Gpr link, uint32_t function, Reach reach) {
  const uint32_t here = position();
  if (const uint32_t target = entries_[function]; target != kUnknownOffset) {
    const int64_t distance = int64_t{target} - here;
    if (fits_jump(distance)) {
      jal(link, static_cast<int32_t>(distance));
    } else {
      emit_far(link, target);
    }
  } else if (reach == Reach::Near) {
    pending_calls_.push_back({here, function});
    island_deadline_ = std::min(island_deadline_, jump_deadline(here));
    jal(link, 0);
  } else {
    far_calls_.push_back({here, function});
    emit_far(link, here);
  }
}

// auipc and jalr through the link register itself, or through kScratch where there is none.
void ControlAssembler::emit_far(Gpr link, uint32_t target) {
  const auto [high, low] = encode::split32(static_cast<int32_t>(target - position()));
  const Gpr base = link == Gpr::Zero ? kScratch : link;
  auipc(base, high);
  jalr(link, low, base);
}

// ---- Patching ----

void ControlAssembler::patch_branch(uint32_t offset, uint32_t target) {
  const int64_t distance = int64_t{target} - offset;
  if (!fits_branch(distance)) [[unlikely]] {
    out_of_reach_ = true;
    return;
  }
  const uint32_t bits = code_.read32(offset) & ~encode::kBranchImmediateMask;
  code_.patch32(offset, bits | encode::imm_b(static_cast<int32_t>(distance)));
}

void ControlAssembler::patch_jump(uint32_t offset, uint32_t target) {
  const int64_t distance = int64_t{target} - offset;
  if (!fits_jump(distance)) [[unlikely]] {
    out_of_reach_ = true;
    return;
  }
  const uint32_t bits = code_.read32(offset) & ~encode::kJumpImmediateMask;
  code_.patch32(offset, bits | encode::imm_j(static_cast<int32_t>(distance)));
}

void ControlAssembler::patch_far(uint32_t offset, uint32_t target) {
  const auto [high, low] = encode::split32(static_cast<int32_t>(target - offset));
  code_.patch32(offset, (code_.read32(offset) & 0xfff) | encode::imm_u(high));
  code_.patch32(offset + 4, (code_.read32(offset + 4) & 0xfffff) | encode::imm_i(low));
}

// ---- Labels ----

uint32_t ControlAssembler::branch_word(Condition c, Gpr a, Gpr b, int32_t distance) {
  constexpr struct {
    uint32_t bits;
    bool swap;
  } kBranches[] = {{op::beq, false},  {op::bne, false},  {op::blt, false}, {op::bge, false},
                   {op::bltu, false}, {op::bgeu, false}, {op::blt, true},  {op::bge, true},
                   {op::bltu, true},  {op::bgeu, true}};
  const auto [bits, swap] = kBranches[static_cast<uint8_t>(c)];
  const Gpr left = swap ? b : a;
  const Gpr right = swap ? a : b;
  return bits | encode::rs1(left) | encode::rs2(right) | encode::imm_b(distance);
}

void ControlAssembler::add_use(Label& label, UseKind kind) {
  const auto index = static_cast<uint32_t>(uses_.size());
  const uint32_t here = position();
  const uint32_t next = label.first_use();
  uses_.push_back({here, next, next == Label::kNone ? index : uses_[next].label, kind});
  label.set_first_use(index);
  ++live_uses_;
  if (kind == UseKind::Branch) {
    island_deadline_ = std::min(island_deadline_, branch_deadline(here));
  } else {
    oldest_jump_ = std::min(oldest_jump_, here);
    island_deadline_ = std::min(island_deadline_, jump_deadline(here));
  }
}

void ControlAssembler::resolve_uses(uint32_t first, uint32_t target) {
  for (uint32_t i = first; i != Label::kNone;) {
    Use& use = uses_[i];
    i = use.next;
    if (use.kind == UseKind::Resolved) continue;
    if (use.kind == UseKind::Branch) {
      patch_branch(use.offset, target);
    } else {
      patch_jump(use.offset, target);
    }
    use.kind = UseKind::Resolved;
    --live_uses_;
  }
  if (live_uses_ == 0) {
    uses_.clear();
    first_branch_ = 0;
    oldest_jump_ = kNoDeadline;
  }
}

void ControlAssembler::jump_to_bound(uint32_t target) {
  const int64_t distance = int64_t{target} - position();
  if (fits_jump(distance)) {
    jal(Gpr::Zero, static_cast<int32_t>(distance));
  } else {
    emit_far(Gpr::Zero, target);
  }
}

void ControlAssembler::jump(Label& label) {
  if (label.is_bound()) {
    jump_to_bound(label.position());
  } else {
    add_use(label, UseKind::Jump);
    jal(Gpr::Zero, 0);
  }
  after_unconditional();
}

void ControlAssembler::branch(Condition c, Gpr a, Gpr b, Label& label) {
  if (!label.is_bound()) {
    add_use(label, UseKind::Branch);
    emit(branch_word(c, a, b, 0));
    return;
  }
  const int64_t distance = int64_t{label.position()} - position();
  if (fits_branch(distance)) {
    emit(branch_word(c, a, b, static_cast<int32_t>(distance)));
    return;
  }
  const bool near = fits_jump(distance - 4);
  skip_if(inverted(c), a, b, near ? 1 : 2);
  jump_to_bound(label.position());
}

void ControlAssembler::jump_table(Gpr index, std::span<Label* const> labels) {
  if (labels.size() > kMaxJumpTable) {
    out_of_reach_ = true;
    return;
  }
  // Entries for targets behind the reach of jal lead to long jumps after the table.
  checkpoint_for(static_cast<uint32_t>(12 * labels.size() + 32));
  auipc(kScratch, 0);
  uint32_t words_to_table = 3;
  if (features_.zba) {
    sh2add(kScratch, index, kScratch);
  } else {
    for (int i = 0; i < 4; ++i) add(kScratch, kScratch, index);
    words_to_table = 6;
  }
  jalr(Gpr::Zero, static_cast<int32_t>(4 * words_to_table), kScratch);
  std::vector<std::pair<uint32_t, uint32_t>> distant;  // entry, target
  for (Label* label : labels) {
    if (!label->is_bound()) {
      add_use(*label, UseKind::Jump);
      jal(Gpr::Zero, 0);
      continue;
    }
    const int64_t distance = int64_t{label->position()} - position();
    if (!fits_jump(distance)) distant.emplace_back(position(), label->position());
    jal(Gpr::Zero, fits_jump(distance) ? static_cast<int32_t>(distance) : 0);
  }
  for (const auto& [entry, target] : distant) {
    patch_jump(entry, position());
    emit_far(Gpr::Zero, target);
  }
  after_unconditional();
}

// ---- Islands ----

// Where nothing falls through, exits cost no jump: take along what would be due soon.
void ControlAssembler::after_unconditional() {
  unreachable_at_ = position();
  if (uint64_t{position()} + kFreeBranchWindow >= island_deadline_) emit_island(0);
}

bool ControlAssembler::jumps_due(uint32_t ahead) const {
  return oldest_jump_ != kNoDeadline && uint64_t{position()} + ahead >= jump_deadline(oldest_jump_);
}

bool ControlAssembler::calls_due(uint32_t ahead) const {
  return first_call_ < pending_calls_.size() &&
         uint64_t{position()} + ahead >= jump_deadline(pending_calls_[first_call_].offset);
}

void ControlAssembler::update_deadline() {
  while (first_branch_ < uses_.size() && uses_[first_branch_].kind != UseKind::Branch)
    ++first_branch_;
  uint32_t deadline = kNoDeadline;
  if (first_branch_ < uses_.size()) deadline = branch_deadline(uses_[first_branch_].offset);
  if (!pending_traps_.empty()) {
    deadline = std::min(deadline, branch_deadline(pending_traps_.front().branch_offset));
  }
  if (oldest_jump_ != kNoDeadline) deadline = std::min(deadline, jump_deadline(oldest_jump_));
  if (first_call_ < pending_calls_.size()) {
    deadline = std::min(deadline, jump_deadline(pending_calls_[first_call_].offset));
  }
  island_deadline_ = deadline;
}

// `ahead`: bytes that will be emitted without a checkpoint.
void ControlAssembler::emit_island(uint32_t ahead) {
  // The deadline may stem from a use that was resolved meanwhile.
  update_deadline();
  const bool falls = falls_through();
  const uint32_t window = falls ? 0 : kFreeBranchWindow;
  if (uint64_t{position()} + ahead + window < island_deadline_) return;
  const uint32_t over = position();
  if (falls) jal(Gpr::Zero, 0);
  // Long exits come behind the short ones and may take kilobytes themselves.
  const bool with_hops = jumps_due(ahead + window);
  const bool with_veneers = calls_due(ahead + window);
  uint64_t long_exits = 0;
  if (with_hops) long_exits += 4 * std::min(live_uses_, kMaxLongExits);
  if (with_veneers) {
    const auto calls = static_cast<uint32_t>(pending_calls_.size()) - first_call_;
    long_exits += 8 * std::min(calls, kMaxLongExits);
  }
  emit_short_exits(uint64_t{position()} + ahead + long_exits + (falls ? kBranchWindow : window));
  if (with_hops) emit_jump_hops();
  if (with_veneers) emit_call_veneers();
  update_deadline();
  if (falls) {
    patch_jump(over, position());
    barrier();
  } else {
    unreachable_at_ = position();
  }
}

// Hops for the branches whose deadline lies before the horizon, and all trap exits.
void ControlAssembler::emit_short_exits(uint64_t expiring_before) {
  auto next_branch = [&] {
    while (first_branch_ < uses_.size() && uses_[first_branch_].kind != UseKind::Branch)
      ++first_branch_;
    return first_branch_ < uses_.size() &&
           branch_deadline(uses_[first_branch_].offset) <= expiring_before;
  };
  size_t trap = 0;
  bool more_branches = next_branch();
  while (more_branches || trap < pending_traps_.size()) {
    const bool is_trap =
        trap < pending_traps_.size() &&
        (!more_branches || pending_traps_[trap].branch_offset < uses_[first_branch_].offset);
    if (is_trap) {
      emit_trap_exit(pending_traps_[trap++]);
      continue;
    }
    Use& use = uses_[first_branch_];
    patch_branch(use.offset, position());
    use.offset = position();
    use.kind = UseKind::Jump;
    oldest_jump_ = std::min(oldest_jump_, use.offset);
    jal(Gpr::Zero, 0);
    more_branches = next_branch();
  }
  pending_traps_.clear();
}

// Leads jumps that would soon be out of reach over a jal here, one for each label.
void ControlAssembler::emit_jump_hops() {
  const uint64_t newest = uint64_t{oldest_jump_} + kJumpWindow;
  std::vector<uint32_t> hop_of_label(uses_.size(), kUnknownOffset);
  uint32_t hops = 0;
  oldest_jump_ = kNoDeadline;
  for (Use& use : uses_) {
    if (use.kind != UseKind::Jump) continue;
    uint32_t& hop = hop_of_label[use.label];
    if (use.offset <= newest && (hop != kUnknownOffset || hops < kMaxLongExits)) {
      if (hop == kUnknownOffset) {
        hop = position();
        ++hops;
        patch_jump(use.offset, hop);
        use.offset = hop;
        jal(Gpr::Zero, 0);
      } else if (use.offset != hop) {
        patch_jump(use.offset, hop);
        use.kind = UseKind::Resolved;
        --live_uses_;
        continue;
      }
    }
    oldest_jump_ = std::min(oldest_jump_, use.offset);
  }
}

// Calls whose callee is known by now are resolved; the others go over a veneer, one for each callee.
void ControlAssembler::emit_call_veneers() {
  const uint64_t newest = uint64_t{pending_calls_[first_call_].offset} + kJumpWindow;
  std::vector<std::pair<uint32_t, uint32_t>> veneers;  // function, offset; sorted by function
  for (; first_call_ < pending_calls_.size(); ++first_call_) {
    const auto [offset, function] = pending_calls_[first_call_];
    if (offset > newest || veneers.size() >= kMaxLongExits) break;
    if (entries_[function] != kUnknownOffset) {
      patch_jump(offset, entries_[function]);
      continue;
    }
    auto found =
        std::ranges::lower_bound(veneers, function, {}, [](const auto& v) { return v.first; });
    if (found == veneers.end() || found->first != function) {
      found = veneers.insert(found, {function, position()});
      far_calls_.push_back({position(), function});
      emit_far(Gpr::Zero, position());
    }
    patch_jump(offset, found->second);
  }
  if (first_call_ == pending_calls_.size()) {
    pending_calls_.clear();
    first_call_ = 0;
  }
}

// ---- Traps ----

void ControlAssembler::emit_trap_exit(const PendingTrap& trap) {
  patch_branch(trap.branch_offset, position());
  record_site(position(), trap.kind, trap.wasm_offset);
  ebreak();
}

void ControlAssembler::trap(abi::TrapKind kind, uint32_t wasm_offset) {
  record_site(position(), kind, wasm_offset);
  ebreak();
  after_unconditional();
}

void ControlAssembler::trap_if(Condition c, Gpr a, Gpr b, abi::TrapKind kind,
                               uint32_t wasm_offset) {
  const uint32_t here = position();
  pending_traps_.push_back({here, kind, wasm_offset});
  island_deadline_ = std::min(island_deadline_, branch_deadline(here));
  emit(branch_word(c, a, b, 0));
}

void ControlAssembler::trap_if_any(Gpr kind_register, std::span<const abi::TrapKind> possible,
                                   uint32_t wasm_offset) {
  ASSERT(!possible.empty());
  for (abi::TrapKind kind : possible.subspan(1)) {
    addi(kScratch, kind_register, -static_cast<int32_t>(kind));
    trap_if(Condition::Eq, kScratch, Gpr::Zero, kind, wasm_offset);
  }
  trap_if(Condition::Ne, kind_register, Gpr::Zero, possible[0], wasm_offset);
}

}  // namespace nacre::riscv64
