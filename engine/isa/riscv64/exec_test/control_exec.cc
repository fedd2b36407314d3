// Labels, islands, jump tables, trap exits and calls, at distances that need them.
#include <algorithm>
#include <random>
#include <vector>

#include "jit.hh"

namespace nacre::riscv64::exec_test {

namespace {

using abi::TrapKind;

// Emits about `bytes` of code that does nothing, with checkpoints as a tier would set them.
void pad(MacroAssembler& masm, uint32_t bytes) {
  for (uint32_t i = 0; i < bytes / 4; ++i) {
    if (i % 64 == 0) masm.checkpoint();
    masm.addi(Gpr::Zero, Gpr::Zero, 0);
  }
}

// A random flow graph of blocks. Each block mixes its number into a hash (a0) and leaves by a random way; the same walk
// in C++ says what the hash must be. a1 counts blocks down to the end.
struct Block {
  enum class Exit { Jump, Branch, Table, Trap } exit;
  uint32_t padding;
  uint32_t targets[4];
};

constexpr uint64_t kMultiplier = 0x9e37'79b9'7f4a'7c15;
uint64_t mix(uint64_t hash, uint64_t block) {
  return (hash ^ block) * kMultiplier;
}

std::vector<Block> random_blocks(uint32_t count, uint32_t max_padding, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Block> blocks(count);
  for (Block& block : blocks) {
    block.exit = static_cast<Block::Exit>(random() % 4);
    block.padding = random() % 3 == 0 ? random() % max_padding : random() % 64;
    for (uint32_t& target : block.targets) target = random() % count;
  }
  return blocks;
}

void emit_block(MacroAssembler& masm, const Block& block, uint32_t number,
                std::vector<Label>& labels, Label& end) {
  masm.checkpoint();
  masm.bind(labels[number]);
  masm.branch_if_zero(Gpr::A1, end);
  masm.addi(Gpr::A1, Gpr::A1, -1);
  masm.xor_imm(Gpr::A0, Gpr::A0, number);
  masm.mul(Gpr::A0, Gpr::A0, Gpr::A2);
  pad(masm, block.padding);
  masm.srli(Gpr::T0, Gpr::A0, 62);
  switch (block.exit) {
    case Block::Exit::Trap:
      // Never taken: T1 is not zero.
      masm.ori(Gpr::T1, Gpr::T0, 1);
      masm.trap_if(Condition::Eq, Gpr::T1, Gpr::Zero, TrapKind::IntegerOverflow, number);
      [[fallthrough]];
    case Block::Exit::Jump:
      masm.jump(labels[block.targets[0]]);
      break;
    case Block::Exit::Branch:
      masm.branch_if_zero(Gpr::T0, labels[block.targets[0]]);
      masm.sltiu(Gpr::T1, Gpr::T0, 2);
      masm.branch(Condition::Ne, Gpr::T1, Gpr::Zero, labels[block.targets[1]]);
      pad(masm, block.padding / 2);
      masm.jump(labels[block.targets[2]]);
      break;
    case Block::Exit::Table: {
      Label* table[] = {&labels[block.targets[0]], &labels[block.targets[1]],
                        &labels[block.targets[2]], &labels[block.targets[3]]};
      masm.jump_table(Gpr::T0, table);
      break;
    }
  }
}

uint64_t walk(const std::vector<Block>& blocks, uint64_t hash, uint64_t steps) {
  uint32_t at = 0;
  while (steps-- != 0) {
    hash = mix(hash, at);
    const Block& block = blocks[at];
    const auto selector = static_cast<uint32_t>(hash >> 62);
    switch (block.exit) {
      case Block::Exit::Trap:
      case Block::Exit::Jump:
        at = block.targets[0];
        break;
      case Block::Exit::Branch:
        at = block.targets[selector == 0 ? 0 : selector == 1 ? 1 : 2];
        break;
      case Block::Exit::Table:
        at = block.targets[selector];
        break;
    }
  }
  return hash;
}

void test_flow_graph(const Features& features, uint32_t count, uint32_t max_padding,
                     uint32_t seed) {
  const std::vector<Block> blocks = random_blocks(count, max_padding, seed);
  MacroAssembler masm(features, 1);
  masm.begin_function(0);
  std::vector<Label> labels(count);
  Label end;
  masm.li(Gpr::A2, static_cast<int64_t>(kMultiplier));
  for (uint32_t i = 0; i < count; ++i) emit_block(masm, blocks[i], i, labels, end);
  masm.checkpoint();
  masm.bind(end);
  masm.ret();
  masm.end_function();
  const Jit jit(masm);
  for (uint64_t steps : {1, 2, 100, 5000}) {
    check_equal("flow graph", jit.call(seed, steps).integer, walk(blocks, seed, steps), count,
                max_padding);
  }
}

// Many traps and branches to one far label, close together: the densest islands.
void test_dense_exits() {
  constexpr uint32_t kCount = 3000;
  MacroAssembler masm(Features{}, 1);
  masm.begin_function(0);
  Label far;
  for (uint32_t i = 0; i < kCount; ++i) {
    masm.checkpoint();
    masm.addi(Gpr::A0, Gpr::A0, -1);
    if (i % 2 == 0) {
      masm.trap_if(Condition::Eq, Gpr::A0, Gpr::Zero, TrapKind::IntegerDivideByZero, i + 1);
    } else {
      masm.branch_if_zero(Gpr::A0, far);
    }
  }
  masm.li(Gpr::A0, 1);
  masm.ret();
  masm.checkpoint();
  masm.bind(far);
  masm.li(Gpr::A0, 2);
  masm.ret();
  masm.end_function();
  const Jit jit(masm);
  for (uint64_t n = 1; n <= kCount; ++n) {
    const Outcome outcome = jit.call(n);
    const bool traps = n % 2 == 1;
    check_equal("dense trap", static_cast<uint64_t>(outcome.trap),
                static_cast<uint64_t>(traps ? TrapKind::IntegerDivideByZero : TrapKind::None), n);
    if (traps) {
      check_equal("dense trap site", outcome.wasm_offset, n, n);
    } else {
      check_equal("dense branch", outcome.integer, 2, n);
    }
  }
  check_equal("dense, none", jit.call(kCount + 1).integer, 1);
}

// Functions call others before and behind them over megabytes: f(n) = n == 0 ? 0 : 1 + g(n - 1), g the callee that
// each function has been given; every reach occurs.
void test_calls(MacroAssembler::Reach reach) {
  constexpr uint32_t kFunctions = 60;
  constexpr uint32_t kPadding = 100'000;
  std::mt19937 random(7);
  MacroAssembler masm(Features{}, kFunctions);
  std::vector<uint32_t> returns;
  for (uint32_t f = 0; f < kFunctions; ++f) {
    masm.begin_function(f);
    const uint32_t reserved = masm.reserve_prologue(4);
    Label recurse;
    masm.branch_if_not_zero(Gpr::A0, recurse);
    masm.li(Gpr::A0, 0);
    masm.ld(Gpr::Ra, 8, Gpr::Sp);
    masm.addi(Gpr::Sp, Gpr::Sp, 16);
    masm.ret();
    if (f % 3 != 0) pad(masm, kPadding);
    masm.bind(recurse);
    masm.addi(Gpr::A0, Gpr::A0, -1);
    const auto callee = static_cast<uint32_t>(random() % kFunctions);
    if (f % 5 == 4) {
      // A tail call: does not count.
      masm.ld(Gpr::Ra, 8, Gpr::Sp);
      masm.addi(Gpr::Sp, Gpr::Sp, 16);
      masm.addi(Gpr::A0, Gpr::A0, 1);
      masm.tail_jump_function((f + 1) % kFunctions, reach);
    } else {
      masm.call_function(callee, reach);
      masm.record_call(f);
      masm.addi(Gpr::A0, Gpr::A0, 1);
      masm.ld(Gpr::Ra, 8, Gpr::Sp);
      masm.addi(Gpr::Sp, Gpr::Sp, 16);
      masm.ret();
    }
    const uint32_t prologue[] = {word::addi(Gpr::Sp, Gpr::Sp, -16), word::sd(Gpr::Ra, 8, Gpr::Sp)};
    masm.finish_prologue(reserved, 4, prologue);
    masm.end_function();
  }
  const uint32_t entry = masm.entry_of(0);
  const Jit jit(masm, entry);
  for (uint64_t n : {0, 1, 5, 1000}) check_equal("calls", jit.call(n).integer, n, n);
}

// Islands of veneers in the middle of functions, while branches wait for their labels: every function leads on to one of
// many that lie more than a megabyte ahead, by a1; a0 folds the way.
void test_calls_among_branches() {
  constexpr uint32_t kFunctions = 3000;
  constexpr uint32_t kWays = 75;
  constexpr uint32_t kAhead = 900;
  std::mt19937 random(11);
  std::vector<std::vector<uint32_t>> ways(kFunctions);
  MacroAssembler masm(Features{}, kFunctions);
  for (uint32_t f = 0; f < kFunctions; ++f) {
    masm.begin_function(f);
    masm.slli(Gpr::T0, Gpr::A0, 5);
    masm.add(Gpr::A0, Gpr::A0, Gpr::T0);
    masm.add_imm(Gpr::A0, Gpr::A0, f);
    Label end;
    masm.branch_if_zero(Gpr::A2, end);
    for (uint32_t i = 0; i < kWays && f + kAhead < kFunctions; ++i) {
      masm.checkpoint();
      ways[f].push_back(f + kAhead +
                        static_cast<uint32_t>(random() % std::min(1000u, kFunctions - f - kAhead)));
      Label skip;
      masm.li(Gpr::T0, i);
      masm.branch(Condition::Ne, Gpr::A1, Gpr::T0, skip);
      masm.tail_jump_function(ways[f].back());
      masm.bind(skip);
    }
    masm.checkpoint();
    masm.bind(end);
    masm.ret();
    masm.end_function();
  }
  const Jit jit(masm);
  for (uint64_t way = 0; way < kWays; way += 7) {
    uint64_t expected = 0;
    for (uint32_t f = 0;; f = ways[f][way]) {
      expected = expected * 33 + f;
      if (ways[f].empty()) break;
    }
    check_equal("calls among branches", jit.call(0, way, 1).integer, expected, way);
  }
}

void test_traps() {
  MacroAssembler masm(Features{}, 1);
  masm.begin_function(0);
  constexpr TrapKind kKinds[] = {TrapKind::TableOutOfBounds, TrapKind::MemoryOutOfBounds};
  masm.trap_if_any(Gpr::A0, kKinds, 9);
  Label fault;
  masm.branch_if_not_zero(Gpr::A1, fault);
  masm.trap(TrapKind::Unreachable, 10);
  masm.bind(fault);
  masm.next_may_trap(TrapKind::NullReference, 11);
  masm.ld(Gpr::A0, 16, Gpr::Zero);
  masm.ret();
  masm.end_function();
  const Jit jit(masm);
  auto check = [&](uint64_t a, uint64_t b, TrapKind kind, uint32_t wasm_offset) {
    const Outcome outcome = jit.call(a, b);
    check_equal("trap kind", static_cast<uint64_t>(outcome.trap), static_cast<uint64_t>(kind), a,
                b);
    check_equal("trap offset", outcome.wasm_offset, wasm_offset, a, b);
  };
  check(static_cast<uint64_t>(TrapKind::TableOutOfBounds), 0, TrapKind::TableOutOfBounds, 9);
  check(static_cast<uint64_t>(TrapKind::MemoryOutOfBounds), 0, TrapKind::MemoryOutOfBounds, 9);
  check(0, 0, TrapKind::Unreachable, 10);
  check(0, 1, TrapKind::NullReference, 11);
}

void test_peephole() {
  MacroAssembler masm(Features{}, 1);
  masm.begin_function(0);
  masm.add(Gpr::T0, Gpr::A0, Gpr::A1);
  check_equal("retarget other", masm.try_retarget_last(Gpr::T1, Gpr::A2), false);
  check_equal("retarget add", masm.try_retarget_last(Gpr::T0, Gpr::A2), true);
  masm.fcvt_d_l(Fpr::Ft0, Gpr::A2);
  check_equal("retarget float as integer", masm.try_retarget_last(Gpr::T0, Gpr::A3), false);
  check_equal("retarget float", masm.try_retarget_last(Fpr::Ft0, Fpr::Fa4), true);
  masm.fcvt_l_d(Gpr::T0, Fpr::Fa4);
  check_equal("retarget conversion as float", masm.try_retarget_last(Fpr::Ft5, Fpr::Fa4), false);
  check_equal("retarget conversion", masm.try_retarget_last(Gpr::T0, Gpr::A0), true);
  masm.sd(Gpr::A0, -8, Gpr::Sp);  // its low immediate bits are where rd would be
  check_equal("retarget store", masm.try_retarget_last(Gpr::S8, Gpr::A0), false);
  masm.li(Gpr::T3, 5);
  Label label;
  masm.bind(label);
  check_equal("retarget across label", masm.try_retarget_last(Gpr::T3, Gpr::A0), false);
  masm.mv(Gpr::T4, Gpr::A0);
  check_equal("drop other", masm.try_drop_last(word::addi(Gpr::T4, Gpr::A1, 0)), false);
  check_equal("drop", masm.try_drop_last(word::addi(Gpr::T4, Gpr::A0, 0)), true);
  masm.ret();
  masm.end_function();
  check_equal("peephole result", Jit(masm).call(30, 12).integer, 42);
}

}  // namespace

void test_control() {
  test_peephole();
  test_traps();
  test_dense_exits();
  for (const Features& features : kFeatureSets) {
    test_flow_graph(features, 20, 100, 1);
    test_flow_graph(features, 300, 3000, 2);
  }
  test_flow_graph(Features{}, 3000, 2000, 3);
  test_flow_graph(Features{}, 2000, 20'000, 4);  // about 8 MB
  test_calls(MacroAssembler::Reach::Near);
  test_calls(MacroAssembler::Reach::Far);
  test_calls_among_branches();
}

}  // namespace nacre::riscv64::exec_test
