// One look over a function's body: how often each local is used, and from where to where it may be needed.
//
// Uses are weighted: one in a loop counts eight times one outside, and so on inwards. Places are numbered by the events
// that the scanner reports. A local is needed from its first write to its last use, if that first write comes before every
// other mention in the same block (so that it dominates them); the end of any loop that is inside this block and mentions
// the local counts as its last use. Otherwise its value may come from the function's beginning, or from an earlier round of
// a loop, and it is needed from the beginning to the end of the outermost loop that mentions it last.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "constant_uses.hh"
#include "nacre/base/core/pause_point.hh"
#include "nacre/engine/wasm/body_scanner.hh"

namespace nacre::baseline {

// A place in the body, and how many calls come before it.
struct Place {
  uint32_t at;
  uint32_t calls;
};

struct LocalUse {
  uint32_t weight;  // 0: never mentioned
  bool is_exposed;  // may be read before it is written
  Place start;
  Place end;

  // While scanning.
  uint32_t scope;        // serial number of the block of the first write
  uint32_t scope_depth;  // blocks open there
  uint32_t scope_loops;  // loops open there
  uint32_t end_loop;     // the loop whose end counts as the last use, or kNoLoop
};

class LocalUses : public wasm::NullScanVisitor {
 public:
  explicit LocalUses(PausePoint& pauses) : pauses_(pauses) {}

  // Of `count` locals. Keeps its buffers.
  void scan(std::span<const uint8_t> body, size_t count, uint32_t imported_functions);

  [[nodiscard]] std::span<const LocalUse> uses() const { return uses_; }
  [[nodiscard]] const ConstantUses& constants() const { return constants_; }
  [[nodiscard]] uint32_t call_weight() const { return call_weight_; }
  [[nodiscard]] bool may_switch_context() const { return may_switch_context_; }

  // ---- wasm::NullScanVisitor ----
  void on_stretch(uint32_t bytes) { pauses_.did(bytes / kScannedPerUnit); }
  void on_local_get(uint32_t local) { mention(local, false); }
  void on_local_set(uint32_t local) { mention(local, true); }
  void on_local_tee(uint32_t local) { mention(local, true); }
  void on_open(wasm::Opcode opcode);
  void on_else() {
    if (!scopes_.empty()) scopes_.back().serial = ++serial_;
  }
  void on_end();
  void on_call(uint32_t function) {
    note_call();
    may_switch_context_ |= function < imported_functions_;
  }
  void on_call_indirect(uint32_t /*type*/, uint32_t /*table*/) {
    note_call();
    may_switch_context_ = true;
  }
  void on_bulk(wasm::Opcode opcode);
  [[nodiscard]] bool wants_small_const(uint8_t next) const;
  void on_const(wasm::ValType type, int64_t bits, uint8_t next);
  void on_far_access(uint32_t offset);

 private:
  static constexpr uint32_t kNoLoop = ~uint32_t{0};
  static constexpr uint32_t kScannedPerUnit = 4;  // bytes, for a PausePoint
  struct Scope {
    uint32_t serial;
    bool is_loop;
  };

  void mention(uint32_t local, bool is_write) {
    if (local >= uses_.size()) return;
    LocalUse& use = uses_[local];
    ++here_.at;
    if (use.weight == 0) {
      begin(use, is_write);
    } else if (!use.is_exposed && !is_open(use)) {
      use.is_exposed = true;
    }
    if (use.weight < 0x8000'0000) use.weight += weight_;
    const uint32_t inner = use.is_exposed ? 0 : use.scope_loops;
    use.end_loop = inner < open_loops_.size() ? open_loops_[inner] : kNoLoop;
    use.end = here_;
  }
  void begin(LocalUse& use, bool is_write);
  [[nodiscard]] bool is_open(const LocalUse& use) const {
    return use.scope_depth == 0 ||
           (use.scope_depth <= scopes_.size() && scopes_[use.scope_depth - 1].serial == use.scope);
  }
  void note_call() {
    ++here_.at;
    ++here_.calls;
    call_weight_ = std::min(call_weight_ + weight_, 0x4000'0000u);
  }
  void update_weight();

  PausePoint& pauses_;
  std::vector<LocalUse> uses_;
  std::vector<Scope> scopes_;
  std::vector<uint32_t> open_loops_;
  std::vector<Place> loop_ends_;
  ConstantUses constants_;
  Place here_{};
  uint32_t serial_ = 0;
  uint32_t weight_ = 1;
  uint32_t call_weight_ = 0;
  uint32_t imported_functions_ = 0;
  bool may_switch_context_ = false;
};

}  // namespace nacre::baseline
