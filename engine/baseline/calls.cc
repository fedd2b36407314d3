// Calls: of the module's own functions, of imports, through tables, and of builtins.
//
// The arguments are the top of the stack. Whatever else lies in a temporary is put into memory, locals pinned to
// caller-saved registers are stored, then all arguments move to their registers at once. From there to the call, t0–t5
// that are no target of a move are free for use, since no value lives in them.
#include "function_compiler.hh"

namespace nacre::baseline {

namespace op = riscv64::op;

// ---- Before and after --------------------------------------------------------------------------

// Puts the arguments in place but for those in registers, which it notes in `moves_`.
void FunctionCompiler::prepare_call(const wasm::FuncType& type) {
  const auto count = static_cast<uint32_t>(type.params.size());
  simplify_top(count);
  const uint32_t first = height() - count;
  spill_volatile(first);
  auto assigner = wasm::LocationAssigner::for_params();
  for (uint32_t i = 0; i < count; ++i) {
    const wasm::ValueLocation location = assigner.next(type.params[i]);
    if (location.kind != wasm::ValueLocation::Kind::Stack) continue;
    masm_.checkpoint();
    const Value value = stack_[first + i];
    stack_[first + i] = Value::constant(value.type, 0);
    const Reg r = use(value);
    store_to_frame(r, 8 * location.index);
    release(r);
  }
  // Registers are noted only now, as the loop may have evicted some.
  auto registers = wasm::LocationAssigner::for_params();
  for (uint32_t i = 0; i < count; ++i) {
    const wasm::ValueLocation location = registers.next(type.params[i]);
    if (location.kind == wasm::ValueLocation::Kind::Stack) continue;
    moves_.push_back({.value = stack_[first + i], .to = register_at(location)});
  }
}

void FunctionCompiler::place_arguments(uint32_t count) {
  save_volatile_locals();
  retarget_last_argument();
  move_parallel(moves_);
  shrink_stack(height() - count);
  forget_addresses();
}

// The argument computed last often is the instruction just emitted.
void FunctionCompiler::retarget_last_argument() {
  for (Move& move : moves_) {
    const Reg from = move.value.reg;
    if (!move.value.is_register() || from == move.to || !pool_.is_sole_temporary(from)) continue;
    bool is_read = false;
    for (const Move& other : moves_)
      is_read |= other.value.is_register() && other.value.reg == move.to;
    if (is_read || (plan_.pinned & bit(move.to)) != 0) continue;
    if (try_retarget(from, move.to)) {
      move.value.reg = move.to;
      return;
    }
  }
}

void FunctionCompiler::save_volatile_locals() {
  for (RegSet left = plan_.volatile_pinned; left != 0; left &= left - 1) {
    const Reg r = lowest(left);
    if (plan_.slot_of(r) == LocalPlan::kNoSlot) continue;
    store_to_frame(r, local_offset(plan_.slot_of(r)));
  }
}

void FunctionCompiler::reload_volatile_locals() {
  if (plan_.volatile_pinned == 0) return;
  for (const PinnedConstant& constant : plan_.constants) {
    if ((plan_.volatile_pinned & bit(constant.reg)) != 0) load_pinned_constant(constant);
  }
  for (RegSet left = plan_.volatile_pinned; left != 0; left &= left - 1) {
    const Reg r = lowest(left);
    if (plan_.slot_of(r) == LocalPlan::kNoSlot) continue;
    load_from_frame(r, ValType::F64, local_offset(plan_.slot_of(r)));
  }
}

void FunctionCompiler::finish_call(const wasm::FuncType& type) {
  masm_.barrier();
  reload_volatile_locals();
  auto parameters = wasm::LocationAssigner::for_params();
  for (const ValType t : type.params) (void)parameters.next(t);
  // Results in registers are claimed before any is loaded from the stack.
  auto claims = wasm::LocationAssigner::for_results(parameters.stack_slots());
  for (const ValType t : type.results) {
    const wasm::ValueLocation location = claims.next(t);
    if (location.kind != wasm::ValueLocation::Kind::Stack) allocate_exactly(register_at(location));
  }
  auto results = wasm::LocationAssigner::for_results(parameters.stack_slots());
  for (const ValType t : type.results) {
    const wasm::ValueLocation location = results.next(t);
    if (location.kind != wasm::ValueLocation::Kind::Stack) {
      push_register(t, register_at(location));
      continue;
    }
    // The outgoing area is overwritten by the next call, so the value moves to a register, or on to its spill slot.
    masm_.checkpoint();
    const Reg r = allocate(t);
    load_stack_value(r, t, Gpr::Sp, 8 * location.index);
    push_register(t, r);
  }
}

// ---- WebAssembly's calls -----------------------------------------------------------------------

void FunctionCompiler::on_call(uint32_t function, const wasm::FuncType& type) {
  masm_.checkpoint();
  moves_.clear();
  prepare_call(type);
  masm_.checkpoint();
  place_arguments(static_cast<uint32_t>(type.params.size()));
  if (function < module_.imported_functions) {
    const uint32_t import = layout_.imported_function(function);
    load_vm(op::ld, reg(Gpr::T1), import + offsetof(abi::ImportedFunction, vm_context));
    load_vm(op::ld, reg(Gpr::T2), import + offsetof(abi::ImportedFunction, entry));
    emit_foreign_call();
  } else {
    masm_.call_function(function - module_.imported_functions);
    masm_.record_call(decoder_.offset());
  }
  finish_call(type);
}

// t1 = the callee's context, t2 = its entry.
void FunctionCompiler::emit_foreign_call() {
  switches_.push_back({.begin = {}, .back = {}, .wasm_offset = decoder_.offset()});
  ContextSwitch& item = switches_.back();
  masm_.branch(Condition::Ne, Gpr::T1, kVm, item.begin);
  masm_.call_register(Gpr::T2);
  masm_.record_call(item.wasm_offset);
  masm_.bind(item.back);
}

void FunctionCompiler::on_call_indirect(uint32_t type_index, uint32_t table,
                                        const wasm::FuncType& type) {
  masm_.checkpoint();
  const uint32_t wasm_offset = decoder_.offset();
  const Value index = simplified(pop());
  const bool holds_register = index.is_register();
  moves_.clear();
  prepare_call(type);
  masm_.checkpoint();
  moves_.push_back({.value = index, .to = reg(Gpr::T2)});
  place_arguments(static_cast<uint32_t>(type.params.size()));
  if (holds_register) release(index);

  const wasm::Limits& limits = module_.tables[table].limits;
  const VmPlace place = table_place(table, reg(Gpr::T3));
  if (limits.maximum == limits.minimum) {
    masm_.li(Gpr::T0, static_cast<int64_t>(limits.minimum));
  } else {
    masm_.load(op::ld, Gpr::T0, place.base, place.offset + offsetof(abi::TableDefinition, length));
  }
  masm_.trap_if(Condition::GeU, Gpr::T2, Gpr::T0, TrapKind::IndirectCallOutOfBounds, wasm_offset);
  masm_.load(op::ld, Gpr::T1, place.base, place.offset + offsetof(abi::TableDefinition, base));
  shift_add(reg(Gpr::T1), 3, reg(Gpr::T2), reg(Gpr::T1));
  masm_.ld(Gpr::T1, 0, Gpr::T1);
  masm_.next_may_trap(TrapKind::IndirectCallNull, wasm_offset);
  masm_.lw(Gpr::T0, offsetof(abi::FuncRef, type_id), Gpr::T1);
  masm_.li(Gpr::T3, static_cast<int32_t>(options_.type_ids[type_index]));
  masm_.trap_if(Condition::Ne, Gpr::T0, Gpr::T3, TrapKind::IndirectCallTypeMismatch, wasm_offset);
  masm_.ld(Gpr::T2, offsetof(abi::FuncRef, entry), Gpr::T1);
  if (tables_are_closed_) {
    masm_.call_register(Gpr::T2);
    masm_.record_call(wasm_offset);
    return finish_call(type);
  }
  masm_.ld(Gpr::T1, offsetof(abi::FuncRef, vm_context), Gpr::T1);
  emit_foreign_call();
  finish_call(type);
}

// ---- Builtins ----------------------------------------------------------------------------------

void FunctionCompiler::call_builtin(abi::Builtin builtin, std::span<const BuiltinArgument> leading,
                                    uint32_t operands) {
  masm_.checkpoint();
  simplify_top(operands);
  const uint32_t first = height() - operands;
  spill_volatile(first);
  moves_.clear();
  auto to = static_cast<Reg>(reg(Gpr::A0) + leading.size());
  for (uint32_t i = 0; i < operands; ++i)
    moves_.push_back({.value = stack_[first + i], .to = to++});
  masm_.checkpoint();
  place_arguments(operands);
  to = reg(Gpr::A0);
  for (const BuiltinArgument& argument : leading) place_builtin_argument(to++, argument);
  masm_.ld(Gpr::T0, offsetof(abi::VmContext, builtins), kVm);
  masm_.ld(Gpr::T0, 8 * static_cast<int32_t>(builtin), Gpr::T0);
  masm_.call_register(Gpr::T0);
  masm_.record_call(decoder_.offset());
  masm_.barrier();
  reload_volatile_locals();
}

void FunctionCompiler::place_builtin_argument(Reg to, const BuiltinArgument& argument) {
  switch (argument.kind) {
    case BuiltinArgument::Kind::Context:
      return masm_.mv(gpr(to), kVm);
    case BuiltinArgument::Kind::Number:
      return masm_.li(gpr(to), static_cast<int32_t>(argument.number));
    case BuiltinArgument::Kind::Definition:
      return masm_.add_imm(gpr(to), kVm, argument.number);
    case BuiltinArgument::Kind::ImportedDefinition:
      return load_vm(op::ld, to, argument.number);
  }
}

void FunctionCompiler::call_trapping_builtin(abi::Builtin builtin,
                                             std::span<const BuiltinArgument> leading,
                                             uint32_t operands, TrapKind kind) {
  call_builtin(builtin, leading, operands);
  masm_.trap_if(Condition::Ne, Gpr::A0, Gpr::Zero, kind, decoder_.offset());
}

// An i32 in a0; C promises no more than its lower half.
void FunctionCompiler::push_builtin_result() {
  allocate_exactly(reg(Gpr::A0));
  push_register(ValType::I32, reg(Gpr::A0), Pending::Narrow);
}

}  // namespace nacre::baseline
