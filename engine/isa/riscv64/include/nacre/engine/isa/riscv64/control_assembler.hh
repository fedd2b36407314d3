// Labels, branches at any distance, calls between functions, and trap exits, over the encoder.
//
// Branches out of reach. A conditional branch reaches ±4 KiB, jal ±1 MiB. Forward branches are
// emitted short; each use has a deadline. `checkpoint()`, to be called at least every
// kMaxCodeBetweenCheckpoints bytes at places where code may be inserted, emits an island of jumps
// (and of pending trap exits) when a deadline nears. Functions of any size are thus correct; a
// missed deadline is sticky in `failed()`, as is running out of memory.
//
// Reserved registers: t6 and ft11 (kScratch, kFloatScratch). No value may live there across a call
// of this class or of MacroAssembler. Plain instructions of the Assembler never touch them.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "nacre/abi/trap_kind.hh"
#include "nacre/engine/isa/riscv64/assembler.hh"
#include "nacre/engine/masm/compiled_code.hh"
#include "nacre/engine/masm/label.hh"

namespace nacre::riscv64 {

using masm::Label;

inline constexpr Gpr kScratch = Gpr::T6;
inline constexpr Fpr kFloatScratch = Fpr::Ft11;

// Integer comparisons, of 64-bit values or of sign-extended i32.
enum class Condition : uint8_t { Eq, Ne, LtS, GeS, LtU, GeU, GtS, LeS, GtU, LeU };
[[nodiscard]] constexpr Condition inverted(Condition c) {
  constexpr Condition kInverse[] = {Condition::Ne,  Condition::Eq,  Condition::GeS, Condition::LtS,
                                    Condition::GeU, Condition::LtU, Condition::LeS, Condition::GtS,
                                    Condition::LeU, Condition::GtU};
  return kInverse[static_cast<uint8_t>(c)];
}
// a ? b == b swapped(?) a
[[nodiscard]] constexpr Condition swapped(Condition c) {
  constexpr Condition kSwapped[] = {Condition::Eq,  Condition::Ne,  Condition::GtS, Condition::LeS,
                                    Condition::GtU, Condition::LeU, Condition::LtS, Condition::GeS,
                                    Condition::LtU, Condition::GeU};
  return kSwapped[static_cast<uint8_t>(c)];
}

class ControlAssembler : public Assembler {
 public:
  static constexpr uint32_t kMaxCodeBetweenCheckpoints = 1024;
  static constexpr uint32_t kUnknownOffset = ~uint32_t{0};

  // `functions`: how many defined functions the module has; calls name them 0-based.
  ControlAssembler(const Features& features, uint32_t functions, uint32_t expected_size = 0);

  [[nodiscard]] const Features& features() const { return features_; }
  // Out of memory, a function beyond the limits of this assembler, or a missed deadline: the code
  // must not be used.
  [[nodiscard]] bool failed() const { return code_.failed() || out_of_reach_; }

  // ---- Functions and calls ----
  // Starts `function`; its entry is the position unless a prologue is reserved.
  void begin_function(uint32_t function);
  // For prologues that are written last, when the frame is known: reserves space for `words`
  // instructions…
  uint32_t reserve_prologue(uint32_t words);
  // …and writes the final ones right-aligned into it (at most as many as reserved). The function's
  // entry becomes the first of them; returns its offset.
  uint32_t finish_prologue(uint32_t reserved_at, uint32_t reserved_words,
                           std::span<const uint32_t> prologue);
  // Emits pending trap exits. Every label used must be bound.
  void end_function();

  // Where a function's entry is, or kUnknownOffset while it has not been emitted.
  [[nodiscard]] uint32_t entry_of(uint32_t function) const { return entries_[function]; }

  // How far a call to a function not yet emitted may have to reach. Near costs one instruction, and
  // a veneer if it turns out to be beyond 1 MiB; Far costs two always. Ignored for functions
  // already emitted.
  enum class Reach : uint8_t { Near, Far };
  // Call another function of the module, with ra as the link; position() afterwards is the return
  // address.
  void call_function(uint32_t function, Reach reach = Reach::Near);
  void tail_jump_function(uint32_t function, Reach reach = Reach::Near);
  void call_register(Gpr target) { jalr(Gpr::Ra, 0, target); }
  void ret() {
    jalr(Gpr::Zero, 0, Gpr::Ra);
    after_unconditional();
  }
  void jump_register(Gpr target) {
    jalr(Gpr::Zero, 0, target);
    after_unconditional();
  }

  // ---- Trap sites ----
  // All sites must be recorded in ascending order of code offset.
  void record_site(uint32_t code_offset, abi::TrapKind kind, uint32_t wasm_offset) {
    trap_sites_.push_back({code_offset, wasm_offset, static_cast<uint32_t>(kind)});
  }
  // The next instruction to be emitted may fault.
  void next_may_trap(abi::TrapKind kind, uint32_t wasm_offset) {
    record_site(position(), kind, wasm_offset);
  }
  // The instruction just emitted may fault.
  void last_may_trap(abi::TrapKind kind, uint32_t wasm_offset) {
    record_site(position() - 4, kind, wasm_offset);
  }
  // The call just emitted returns to here.
  void record_call(uint32_t wasm_offset) {
    record_site(position(), abi::TrapKind::None, wasm_offset);
  }
  // `unreachable`.
  void trap(abi::TrapKind kind, uint32_t wasm_offset);
  // Traps if the comparison holds; the exit lies out of line.
  void trap_if(Condition c, Gpr a, Gpr b, abi::TrapKind kind, uint32_t wasm_offset);
  // A builtin's TrapKind in `kind_register`: traps with it unless None. Only the kinds given are
  // possible; for others the first is reported.
  void trap_if_any(Gpr kind_register, std::span<const abi::TrapKind> possible,
                   uint32_t wasm_offset);

  // ---- Control flow ----
  // Binds to the position.
  void bind(Label& label) {
    ASSERT(!label.is_bound());
    barrier_ = position();
    if (label.is_used()) resolve_uses(label.first_use(), barrier_);
    label.set_position(barrier_);
  }
  void jump(Label& label);
  void branch(Condition c, Gpr a, Gpr b, Label& label);
  void branch_if_zero(Gpr a, Label& label) { branch(Condition::Eq, a, Gpr::Zero, label); }
  void branch_if_not_zero(Gpr a, Label& label) { branch(Condition::Ne, a, Gpr::Zero, label); }
  // Jumps to labels[index]; `index` (≠ kScratch, zero-extended) must be less than labels.size() and
  // is preserved. Executes three instructions and the jump of the entry. A table of more than
  // kMaxJumpTable entries makes `failed()` true.
  static constexpr uint32_t kMaxJumpTable = 65520;
  void jump_table(Gpr index, std::span<Label* const> labels);
  // See the head of this file. One compare when nothing is due.
  void checkpoint() {
    if (position() >= island_deadline_) [[unlikely]]
      emit_island(0);
  }
  // The same, before `bytes` of code in which no checkpoint is possible.
  void checkpoint_for(uint32_t bytes) {
    if (uint64_t{position()} + bytes >= island_deadline_) [[unlikely]]
      emit_island(bytes);
  }

  // ---- Peephole ----
  // If the instruction just emitted wrote `from`, and nothing can jump between it and here, makes
  // it write `to` instead and returns true. The caller promises that nobody reads `from` any more.
  bool try_retarget_last(Gpr from, Gpr to) {
    return last_writes(code_of(from), /*to_fpr=*/false) && set_last_destination(code_of(to));
  }
  bool try_retarget_last(Fpr from, Fpr to) {
    return last_writes(code_of(from), /*to_fpr=*/true) && set_last_destination(code_of(to));
  }
  // Forbids retargeting what has been emitted so far.
  void barrier() { barrier_ = position(); }
  // Removes the instruction just emitted if it is `expected` and nothing can jump between it and
  // here.
  bool try_drop_last(uint32_t expected) {
    if (!has_last() || code_.last32() != expected) return false;
    code_.drop_last();
    return true;
  }

  // ---- The product ----
  // Resolves the calls that remain. `failed()` must be asked after this; every function called must
  // have been emitted.
  void finish();
  [[nodiscard]] masm::CodeBytes take_code() { return code_.take(); }
  [[nodiscard]] std::vector<masm::TrapSite> take_trap_sites() { return std::move(trap_sites_); }

 protected:
  [[nodiscard]] static uint32_t branch_word(Condition c, Gpr a, Gpr b, int32_t distance);
  // Emits a branch over the next `instructions` words if the comparison holds.
  void skip_if(Condition c, Gpr a, Gpr b, uint32_t instructions) {
    emit(branch_word(c, a, b, static_cast<int32_t>(4 * (instructions + 1))));
  }
  // Jumps over the next `instructions` words.
  void skip(uint32_t instructions) { jal(Gpr::Zero, static_cast<int32_t>(4 * (instructions + 1))); }

 private:
  static constexpr uint32_t kNoDeadline = ~uint32_t{0};

  // Resolved uses stay in the pool until it empties.
  enum class UseKind : uint8_t { Resolved, Branch, Jump };
  // A branch to a label that is not bound yet.
  struct Use {
    uint32_t offset;  // of the branch
    uint32_t next;    // in the label's chain, or Label::kNone
    uint32_t label;   // identity of the label: the index of its first use
    UseKind kind;
  };
  struct PendingTrap {
    uint32_t branch_offset;
    abi::TrapKind kind;
    uint32_t wasm_offset;
  };
  struct PendingCall {
    uint32_t offset;
    uint32_t function;
  };

  void add_use(Label& label, UseKind kind);
  void resolve_uses(uint32_t first, uint32_t target);
  // Whether an instruction was emitted since the last barrier.
  [[nodiscard]] bool has_last() const { return position() >= uint64_t{barrier_} + 4; }
  // Whether the last instruction is there, is known, and its destination is this register.
  [[nodiscard]] bool last_writes(uint32_t reg, bool to_fpr) const {
    if (!has_last()) return false;
    const uint32_t word = code_.last32();
    return (word >> 7 & 31) == reg && destination_is(word, to_fpr);
  }
  bool set_last_destination(uint32_t reg) {
    code_.replace_last32((code_.last32() & ~(31u << 7)) | reg << 7);
    return true;
  }
  void patch_branch(uint32_t offset, uint32_t target);
  void patch_jump(uint32_t offset, uint32_t target);
  void patch_far(uint32_t offset, uint32_t target);
  void emit_far(Gpr link, uint32_t target);
  void jump_to_bound(uint32_t target);
  void after_unconditional();
  [[nodiscard]] bool falls_through() const {
    return unreachable_at_ != position() || barrier_ == position();
  }
  void emit_island(uint32_t ahead);
  void emit_short_exits(uint64_t expiring_before);
  void emit_jump_hops();
  void emit_call_veneers();
  void emit_trap_exit(const PendingTrap& trap);
  [[nodiscard]] bool jumps_due(uint32_t ahead) const;
  [[nodiscard]] bool calls_due(uint32_t ahead) const;
  void update_deadline();
  void call_or_jump(Gpr link, uint32_t function, Reach reach);

  // The end of the last unconditional jump: nothing falls through to there.
  uint32_t unreachable_at_ = kUnknownOffset;
  uint32_t barrier_ = 0;
  uint32_t island_deadline_ = kNoDeadline;
  // Deadlines by cause. Branches and traps ascend; for jumps a lower bound is kept.
  uint32_t oldest_jump_ = kNoDeadline;
  uint32_t first_branch_ = 0;  // no use before it is an unresolved branch
  uint32_t first_call_ = 0;    // index of the oldest pending call
  uint32_t live_uses_ = 0;
  uint32_t current_function_ = kUnknownOffset;
  bool out_of_reach_ = false;
  Features features_;
  std::vector<Use> uses_;  // of the current function
  std::vector<PendingTrap> pending_traps_;
  std::vector<PendingCall> pending_calls_;  // one jal each, ascending
  std::vector<PendingCall> far_calls_;      // auipc and jalr, resolved by finish()
  std::vector<uint32_t> entries_;
  std::vector<masm::TrapSite> trap_sites_;
};

}  // namespace nacre::riscv64
