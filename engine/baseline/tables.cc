// table.*, and references.
#include <array>

#include "function_compiler.hh"

namespace nacre::baseline {

namespace op = riscv64::op;

FunctionCompiler::VmPlace FunctionCompiler::table_place(uint32_t table, Reg scratch) {
  return vm_place(table < module_.imported_tables, layout_.table(table), scratch);
}

void FunctionCompiler::shift_add(Reg to, unsigned shift, Reg shifted, Reg addend) {
  if (has_zba_) {
    constexpr uint32_t kBits[] = {op::sh1add, op::sh2add, op::sh3add};
    return masm_.emit_r(kBits[shift - 1], gpr(to), gpr(shifted), gpr(addend));
  }
  masm_.slli(riscv64::kScratch, gpr(shifted), shift);
  masm_.add(gpr(to), riscv64::kScratch, gpr(addend));
}

Reg FunctionCompiler::element_address(uint32_t table, Reg index, TrapKind kind) {
  const Reg r = allocate_integer();
  const Reg length = allocate_integer();
  const VmPlace place = table_place(table, r);
  masm_.load(op::ld, gpr(length), place.base,
             place.offset + offsetof(abi::TableDefinition, length));
  masm_.trap_if(Condition::GeU, gpr(index), gpr(length), kind, decoder_.offset());
  masm_.load(op::ld, gpr(r), place.base, place.offset + offsetof(abi::TableDefinition, base));
  shift_add(r, 3, index, r);
  release(length);
  release(index);
  return r;
}

void FunctionCompiler::on_table_get(uint32_t table) {
  masm_.checkpoint();
  const Reg r = element_address(table, use(pop()), TrapKind::TableOutOfBounds);
  masm_.ld(gpr(r), 0, gpr(r));
  push_register(module_.tables[table].element, r);
}

void FunctionCompiler::on_table_set(uint32_t table) {
  masm_.checkpoint();
  const Reg value = use(pop());
  const Reg address = element_address(table, use(pop()), TrapKind::TableOutOfBounds);
  masm_.sd(gpr(value), 0, gpr(address));
  release(address);
  release(value);
}

void FunctionCompiler::on_table_size(uint32_t table) {
  masm_.checkpoint();
  const Reg r = allocate_integer();
  const VmPlace place = table_place(table, r);
  masm_.load(op::ld, gpr(r), place.base, place.offset + offsetof(abi::TableDefinition, length));
  push_register(ValType::I32, r);
}

FunctionCompiler::BuiltinArgument FunctionCompiler::table_argument(uint32_t table) const {
  return BuiltinArgument::definition(table < module_.imported_tables, layout_.table(table));
}

// Operands of table.grow: the initial value, then how many.
void FunctionCompiler::on_table_grow(uint32_t table) {
  call_builtin(abi::Builtin::TableGrow,
               std::array{BuiltinArgument::context(), BuiltinArgument::of(table)}, 2);
  push_builtin_result();
}

void FunctionCompiler::on_table_fill(uint32_t table) {
  call_trapping_builtin(abi::Builtin::TableFill, std::array{table_argument(table)}, 3,
                        TrapKind::TableOutOfBounds);
}

void FunctionCompiler::on_table_copy(uint32_t destination, uint32_t source) {
  call_trapping_builtin(abi::Builtin::TableCopy,
                        std::array{table_argument(destination), table_argument(source)}, 3,
                        TrapKind::TableOutOfBounds);
}

void FunctionCompiler::on_table_init(uint32_t table, uint32_t segment) {
  const auto source = BuiltinArgument::definition(false, layout_.element_segment(segment));
  call_trapping_builtin(abi::Builtin::TableInit, std::array{table_argument(table), source}, 3,
                        TrapKind::TableOutOfBounds);
}

void FunctionCompiler::on_elem_drop(uint32_t segment) {
  masm_.checkpoint();
  masm_.store(op::sd, Gpr::Zero, kVm,
              layout_.element_segment(segment) + offsetof(abi::SegmentDefinition, length));
}

// ---- References: addresses, null is 0 ----------------------------------------------------------

void FunctionCompiler::on_ref_is_null(ValType /*type*/) {
  const Reg r = use(pop());
  pool_.retain(kZero);
  push(Value::compare(Condition::Eq, r, kZero));
}

void FunctionCompiler::on_ref_func(uint32_t function) {
  masm_.checkpoint();
  const Reg r = allocate_integer();
  masm_.add_imm(gpr(r), kVm, layout_.func_ref(function));
  push_register(ValType::FuncRef, r);
}

}  // namespace nacre::baseline
