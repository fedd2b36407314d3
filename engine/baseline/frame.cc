// Prologue, epilogue, parameters, and what lies out of line at a function's end.
#include "function_compiler.hh"

namespace nacre::baseline {
namespace {

namespace op = riscv64::op;
namespace word = riscv64::word;
using riscv64::kScratch;

// Words of the two forms of prologue, see write_prologue.
constexpr uint32_t kSmallPrologue = 2;
constexpr uint32_t kLargePrologue = 8;
// Frames up to this size are built by one addi, and all of them is reached by 12-bit offsets.
constexpr uint32_t kLargestSmallFrame = 2032;
// Above this, sp is compared with the limit, since a callee's frame begins that much lower without a touch between.
constexpr uint32_t kLargestUncheckedFrame = abi::kStackGuardBytes / 4;
// Bodies up to this size (bytes) cannot need more spill slots than a small frame has room for, calls with many results
// aside.
constexpr uint32_t kSmallBody = 300;
// In longer bodies, a `ret` in the middle might be too far from the epilogue to become a jump to it.
constexpr uint32_t kLargestEarlyReturnBody = 32 << 10;
constexpr uint32_t kMaximumFrame = 1u << 30;
constexpr uint32_t kMostSlotsClearedInLine = 8;

// For the PausePoint, what a function costs beside its code.
constexpr uint32_t kFunctionWork = 10;
constexpr uint32_t kLocalsPerUnit = 4;

}  // namespace

void FunctionCompiler::on_function_begin() {
  const wasm::Function& function = module_.functions[decoder_.function_index()];
  pauses_.did(kFunctionWork + static_cast<uint32_t>(decoder_.locals().size()) / kLocalsPerUnit);
  plan_.make(module_.bytes.subspan(function.body_offset, function.body_size),
             decoder_.function_type(), decoder_.locals(), module_.imported_functions);
  pool_.reset(plan_.temporaries());
  volatile_ = plan_.has_calls ? kCallerSaved : plan_.temporaries();
  addresses_.reset();
  constants_.clear();
  stack_.clear();
  blocks_.clear();
  switches_.clear();
  early_returns_.clear();
  incoming_patches_.clear();
  product_ = {};
  frame_too_large_ = false;
  flushed_ = evicted_ = 0;
  plan_frame();
  begin_code();
  save_registers();
  clear_locals();
  take_parameters();
  blocks_.push_back({.label = {}, .else_label = {}, .height = 0});
}

void FunctionCompiler::plan_frame() {
  uint32_t offset = plan_.has_calls ? 8 * outgoing_slots_ : 0;
  context_offset_ = offset;
  if (plan_.may_switch_context) offset += 8;
  saved_offset_ = offset;
  offset += 8 * static_cast<uint32_t>(std::popcount(plan_.saved));
  locals_offset_ = offset;
  spills_offset_ = offset + 8 * plan_.slots;
  spill_slots_ = 0;
  const uint32_t body_size = module_.functions[decoder_.function_index()].body_size;
  frame_needed_ = plan_.has_calls || plan_.saved != 0 || plan_.slots != 0 ||
                  body_size > kLargestEarlyReturnBody;
  const bool surely_small = spills_offset_ < 512 && body_size <= kSmallBody && !has_many_results_;
  reserved_words_ = surely_small ? kSmallPrologue : kLargePrologue;
}

// The sites of both forms of prologue; where the other form turns out to be, the site's word is never reached.
void FunctionCompiler::begin_code() {
  masm_.begin_function(decoder_.function_index() - module_.imported_functions);
  reserved_at_ = masm_.reserve_prologue(reserved_words_);
  const uint32_t wasm_offset = decoder_.next_offset();
  const auto site = [&](uint32_t index) {
    masm_.record_site(reserved_at_ + 4 * index, TrapKind::StackOverflow, wasm_offset);
  };
  if (reserved_words_ == kLargePrologue) {
    site(0);
    site(6);
  }
  site(reserved_words_ - 1);
}

// Small: addi sp, sp, -size; sd ra, size-8(sp).
// Large: sd ra, -8(sp); t6 = sp - size; compare with the limit; sp = t6. t5 carries no argument.
void FunctionCompiler::write_prologue() {
  const uint32_t size = product_.frame_size;
  std::array<uint32_t, kLargePrologue> words{};
  size_t count = 0;
  const auto add = [&](uint32_t instruction) { words[count++] = instruction; };
  if (!frame_needed_) {
    product_.frame_ready = 0xffff;
  } else if (size <= kLargestSmallFrame) {
    add(word::addi(Gpr::Sp, Gpr::Sp, -static_cast<int32_t>(size)));
    add(word::sd(Gpr::Ra, static_cast<int32_t>(size) - 8, Gpr::Sp));
    product_.frame_ready = 4 * kSmallPrologue;
  } else {
    ASSERT(reserved_words_ == kLargePrologue);
    const riscv64::encode::HighLow parts = riscv64::encode::split32(static_cast<int32_t>(size));
    add(word::sd(Gpr::Ra, -8, Gpr::Sp));
    add(word::lui(kScratch, parts.high));
    add(word::addiw(kScratch, kScratch, parts.low));
    add(word::sub(kScratch, Gpr::Sp, kScratch));
    if (size > kLargestUncheckedFrame) {
      add(word::ld(Gpr::T5, offsetof(abi::VmContext, stack_limit), kVm));
    } else {
      add(word::addi(Gpr::T5, Gpr::Zero, 0));
    }
    add(word::bgeu(kScratch, Gpr::T5, 8));
    add(word::ebreak());
    add(word::addi(Gpr::Sp, kScratch, 0));
    product_.frame_ready = 4 * kLargePrologue;
  }
  product_.code_offset =
      masm_.finish_prologue(reserved_at_, reserved_words_, {words.data(), count});
}

void FunctionCompiler::save_registers() {
  uint32_t offset = saved_offset_;
  for (RegSet left = plan_.saved; left != 0; left &= left - 1, offset += 8)
    store_to_frame(lowest(left), offset);
}

void FunctionCompiler::clear_slots(uint32_t first, uint32_t count) {
  if (count <= kMostSlotsClearedInLine) {
    for (uint32_t slot = first; slot < first + count; ++slot)
      store_to_frame(kZero, local_offset(slot));
    return;
  }
  // t0 and t1 carry no arguments.
  masm_.add_imm(Gpr::T0, Gpr::Sp, local_offset(first));
  masm_.add_imm(Gpr::T1, Gpr::Sp, local_offset(first + count));
  Label again;
  masm_.bind(again);
  masm_.next_may_trap(TrapKind::StackOverflow, decoder_.next_offset());
  masm_.sd(Gpr::Zero, 0, Gpr::T0);
  masm_.addi(Gpr::T0, Gpr::T0, 8);
  masm_.branch(Condition::LtU, Gpr::T0, Gpr::T1, again);
}

// Slots of declared locals that may be read before they are written; they follow those of parameters.
void FunctionCompiler::clear_locals() {
  const auto parameters = static_cast<uint32_t>(decoder_.function_type().params.size());
  uint32_t first = 0;
  uint32_t count = 0;
  for (uint32_t local = parameters; local < plan_.homes.size(); ++local) {
    const LocalHome& home = plan_.homes[local];
    if (!home.has_slot || home.reg != kNoReg || !home.is_exposed) continue;
    if (count != 0 && home.slot == first + count) {
      ++count;
      continue;
    }
    clear_slots(first, count);
    masm_.checkpoint();
    first = home.slot;
    count = 1;
  }
  clear_slots(first, count);
}

// Parameters from where they arrive to their homes: first those that go to memory or callee-saved registers, then, as no
// argument register is needed any more, zero to the pinned locals. LocalPlan sees to it that no home is another parameter's
// arrival register.
void FunctionCompiler::take_parameters() {
  const wasm::FuncType& type = decoder_.function_type();
  auto assigner = wasm::LocationAssigner::for_params();
  bool has_base = false;
  for (uint32_t i = 0; i < type.params.size(); ++i) {
    const wasm::ValueLocation location = assigner.next(type.params[i]);
    const LocalHome& home = plan_.homes[i];
    // One that is overwritten first may share its home with another local that is needed now.
    if (!home.is_exposed) continue;
    masm_.checkpoint();
    Reg from = kNoReg;
    if (location.kind == wasm::ValueLocation::Kind::Stack) {
      if (!has_base) load_incoming_address(Gpr::T5, 0);
      has_base = true;
      const bool is_float = wasm::is_float(type.params[i]);
      from = home.reg != kNoReg ? home.reg : is_float ? kMergeFloat : kMergeInteger;
      load_stack_value(from, type.params[i], Gpr::T5, 8 * location.index);
    } else {
      from = register_at(location);
    }
    if (home.reg == kNoReg) {
      store_to_frame(from, local_offset(home.slot));
    } else {
      move_register(home.reg, from, type.params[i]);
    }
  }
  for (size_t local = type.params.size(); local < plan_.homes.size(); ++local) {
    const LocalHome& home = plan_.homes[local];
    if (home.reg != kNoReg && home.is_exposed) load_constant(home.reg, decoder_.locals()[local], 0);
  }
  for (const PinnedConstant& constant : plan_.constants) {
    masm_.checkpoint();
    load_pinned_constant(constant);
  }
  masm_.barrier();
}

void FunctionCompiler::load_pinned_constant(const PinnedConstant& constant) {
  switch (constant.kind) {
    case PinnedConstant::Kind::Integer:
      return emit_constant(constant.reg, ValType::I64, constant.bits);
    case PinnedConstant::Kind::Float32:
      return emit_constant(constant.reg, ValType::F32, constant.bits);
    case PinnedConstant::Kind::Float64:
      return emit_constant(constant.reg, ValType::F64, constant.bits);
    case PinnedConstant::Kind::Page:
      masm_.li(gpr(constant.reg), constant.bits);
      return masm_.add(gpr(constant.reg), gpr(constant.reg), kMemory);
  }
}

void FunctionCompiler::load_stack_value(Reg to, ValType type, Gpr base, uint32_t offset) {
  switch (type) {
    case ValType::I32:
      return masm_.load(op::lw, gpr(to), base, offset);
    case ValType::F32:
      return masm_.load(op::flw, fpr(to), base, offset);
    case ValType::F64:
      return masm_.load(op::fld, fpr(to), base, offset);
    default:
      return masm_.load(op::ld, gpr(to), base, offset);
  }
}

// The frame's size is not known yet: lui and addiw of it, and of what is added, are completed at the end.
void FunctionCompiler::load_incoming_address(Gpr to, uint32_t offset) {
  incoming_patches_.push_back({.at = masm_.position(), .offset = offset});
  masm_.lui(to, 0);
  masm_.addiw(to, to, 0);
  masm_.add(to, to, Gpr::Sp);
}

// ---- Leaving -----------------------------------------------------------------------------------

void FunctionCompiler::emit_return() {
  if (frame_needed_) return masm_.jump(blocks_.front().label);
  early_returns_.push_back(masm_.position());
  masm_.ret();
}

void FunctionCompiler::emit_epilogue() {
  if (frame_needed_) {
    const uint32_t size = product_.frame_size;
    uint32_t offset = saved_offset_;
    for (RegSet left = plan_.saved; left != 0; left &= left - 1, offset += 8) {
      load_from_frame(lowest(left), ValType::F64, offset);
    }
    masm_.load(op::ld, Gpr::Ra, Gpr::Sp, size - 8);
    masm_.add_imm(Gpr::Sp, Gpr::Sp, size);
  }
  masm_.ret();
}

// Called when the function's `end` has been reached and the results, if any code leads here, are in place.
void FunctionCompiler::finish_frame(bool fallthrough_live) {
  if (frame_needed_) {
    const uint64_t size =
        (uint64_t{spills_offset_} + 8 * uint64_t{spill_slots_} + 8 + 15) & ~uint64_t{15};
    frame_too_large_ = size > kMaximumFrame;
    product_.frame_size = frame_too_large_ ? 16 : static_cast<uint32_t>(size);
  }
  Label& end = blocks_.front().label;
  const bool patches_returns = frame_needed_ && !early_returns_.empty();
  if (fallthrough_live || end.is_used() || patches_returns) {
    masm_.bind(end);
    if (patches_returns) {
      for (const uint32_t offset : early_returns_) {
        const auto distance = static_cast<int32_t>(end.position() - offset);
        masm_.code().patch32(offset, word::jal(Gpr::Zero, distance));
      }
    }
    emit_epilogue();
  }
  emit_context_switches();
  for (const IncomingPatch& patch : incoming_patches_) {
    masm::CodeBuffer& code = masm_.code();
    const auto parts =
        riscv64::encode::split32(static_cast<int32_t>(product_.frame_size + patch.offset));
    code.patch32(patch.at, code.read32(patch.at) | riscv64::encode::imm_u(parts.high));
    code.patch32(patch.at + 4, code.read32(patch.at + 4) | riscv64::encode::imm_i(parts.low));
  }
  if (!frame_too_large_) write_prologue();
  masm_.end_function();
  constants_.finish(masm_);
  product_.code_size = masm_.position() - product_.code_offset;
}

// Calls into another instance: its context and memory for the time of the call (t1 = context, t2 = entry).
void FunctionCompiler::emit_context_switches() {
  constexpr auto kMemoryBase = static_cast<int32_t>(offsetof(abi::VmContext, memory0_base));
  for (ContextSwitch& item : switches_) {
    masm_.checkpoint();
    masm_.bind(item.begin);
    masm_.store(op::sd, kVm, Gpr::Sp, context_offset_);
    masm_.record_site(masm_.position() - 4, TrapKind::StackOverflow, item.wasm_offset);
    masm_.mv(kVm, Gpr::T1);
    masm_.ld(kMemory, kMemoryBase, kVm);
    masm_.call_register(Gpr::T2);
    masm_.record_call(item.wasm_offset);
    masm_.load(op::ld, kVm, Gpr::Sp, context_offset_);
    masm_.ld(kMemory, kMemoryBase, kVm);
    masm_.jump(item.back);
  }
}

}  // namespace nacre::baseline
