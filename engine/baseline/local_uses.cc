#include "local_uses.hh"

namespace nacre::baseline {
namespace {

using wasm::Opcode;
using wasm::ValType;

constexpr unsigned kLoopShift = 3;
constexpr size_t kDeepestLoop = 5;

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

void LocalUses::scan(std::span<const uint8_t> body, size_t count, uint32_t imported_functions) {
  uses_.assign(count, LocalUse{});
  scopes_.clear();
  open_loops_.clear();
  loop_ends_.clear();
  constants_.clear();
  here_ = {};
  serial_ = 0;
  weight_ = 1;
  call_weight_ = 0;
  imported_functions_ = imported_functions;
  may_switch_context_ = false;
  wasm::scan_body(body, *this);
  for (LocalUse& use : uses_) {
    if (use.weight == 0) continue;
    if (use.is_exposed) use.start = {};
    // A loop that a malformed body leaves open has no end; no code is made of such a body.
    if (use.end_loop != kNoLoop) use.end = loop_ends_[use.end_loop];
  }
}

void LocalUses::begin(LocalUse& use, bool is_write) {
  use.is_exposed = !is_write;
  use.start = here_;
  use.scope_depth = static_cast<uint32_t>(scopes_.size());
  use.scope = scopes_.empty() ? 0 : scopes_.back().serial;
  use.scope_loops = static_cast<uint32_t>(open_loops_.size());
}

void LocalUses::update_weight() {
  weight_ = 1u << (kLoopShift * std::min(open_loops_.size(), kDeepestLoop));
}

void LocalUses::on_open(Opcode opcode) {
  const bool is_loop = opcode == Opcode::Loop;
  scopes_.push_back({.serial = ++serial_, .is_loop = is_loop});
  if (!is_loop) return;
  open_loops_.push_back(static_cast<uint32_t>(loop_ends_.size()));
  loop_ends_.push_back({});
  update_weight();
}

void LocalUses::on_end() {
  if (scopes_.empty()) return;
  if (scopes_.back().is_loop) {
    ++here_.at;
    loop_ends_[open_loops_.back()] = here_;
    open_loops_.pop_back();
    update_weight();
  }
  scopes_.pop_back();
}

void LocalUses::on_bulk(Opcode opcode) {
  switch (opcode) {
    case Opcode::MemorySize:
    case Opcode::TableGet:
    case Opcode::TableSet:
    case Opcode::TableSize:
    case Opcode::DataDrop:
    case Opcode::ElemDrop:
      return;
    default:
      return note_call();
  }
}

bool LocalUses::wants_small_const(uint8_t next) const {
  return !open_loops_.empty() && needs_register(next);
}

void LocalUses::on_const(ValType type, int64_t bits, uint8_t next) {
  if (open_loops_.empty() || bits == 0) return;
  if (type == ValType::F32) return constants_.add(PinnedConstant::Kind::Float32, bits, 2 * weight_);
  if (type == ValType::F64) return constants_.add(PinnedConstant::Kind::Float64, bits, 2 * weight_);
  const bool is_small = bits >= -2048 && bits <= 2047;
  if (is_small && !needs_register(next)) return;
  // Powers of two end as shifts or bit operations.
  const bool is_power = (bits & (bits - 1)) == 0;
  const bool is_product =
      next == static_cast<uint8_t>(Opcode::I32Mul) || next == static_cast<uint8_t>(Opcode::I64Mul);
  if (is_power && (is_product || (!is_small && next != static_cast<uint8_t>(Opcode::I32Add))))
    return;
  const uint32_t cost = is_small || (bits & 0xfff) == 0 ? 1 : 2;
  constants_.add(PinnedConstant::Kind::Integer, bits, cost * weight_);
}

void LocalUses::on_far_access(uint32_t offset) {
  const uint64_t high = high_part(offset);
  if (open_loops_.empty() || high == 0) return;
  constants_.add(PinnedConstant::Kind::Page, static_cast<int64_t>(high), 2 * weight_);
}

}  // namespace nacre::baseline
