// Loads, stores, memory.*, and addresses of things in the VmContext.
//
// The effective address is memory base + zext32(index) + offset. The part of the offset beyond a 12-bit displacement
// ("high") is added to the base; base + high and base + high + local are remembered (address_cache.hh).
#include <array>

#include "function_compiler.hh"

namespace nacre::baseline {
namespace {

namespace op = riscv64::op;

struct Access {
  uint32_t bits;
  ValType type;
};

constexpr Access kAccesses[] = {
    {op::lw, ValType::I32},  {op::ld, ValType::I64},  {op::flw, ValType::F32},
    {op::fld, ValType::F64}, {op::lb, ValType::I32},  {op::lbu, ValType::I32},
    {op::lh, ValType::I32},  {op::lhu, ValType::I32}, {op::lb, ValType::I64},
    {op::lbu, ValType::I64}, {op::lh, ValType::I64},  {op::lhu, ValType::I64},
    {op::lw, ValType::I64},  {op::lwu, ValType::I64}, {op::sw, ValType::I32},
    {op::sd, ValType::I64},  {op::fsw, ValType::F32}, {op::fsd, ValType::F64},
    {op::sb, ValType::I32},  {op::sh, ValType::I32},  {op::sb, ValType::I64},
    {op::sh, ValType::I64},  {op::sw, ValType::I64},
};
static_assert(std::size(kAccesses) ==
              static_cast<size_t>(Opcode::I64Store32) - static_cast<size_t>(Opcode::I32Load) + 1);

[[nodiscard]] const Access& access_of(Opcode opcode) {
  return kAccesses[static_cast<size_t>(opcode) - static_cast<size_t>(Opcode::I32Load)];
}

}  // namespace

// ---- Addresses ---------------------------------------------------------------------------------

Reg FunctionCompiler::page_base(uint64_t high) {
  if (!plan_.constants.empty()) {
    const Reg pinned = plan_.find_constant(PinnedConstant::Kind::Page, static_cast<int64_t>(high));
    if (pinned != kNoReg) return pinned;
  }
  const Reg known = addresses_.find(kZero, high);
  if (known != kNoReg) return known;
  const Reg r = allocate_integer();
  masm_.li(gpr(r), static_cast<int64_t>(high));
  masm_.add(gpr(r), gpr(r), kMemory);
  addresses_.remember(pool_, kZero, high, r);
  return r;
}

void FunctionCompiler::add_zero_extended(Reg to, Reg index, Gpr base) {
  if (has_zba_) return masm_.add_uw(gpr(to), gpr(index), base);
  // `to` may be the base, so the extension goes to the scratch register.
  masm_.zext_w(riscv64::kScratch, gpr(index));
  masm_.add(gpr(to), riscv64::kScratch, base);
}

FunctionCompiler::Address FunctionCompiler::address_of(const Value& given, uint32_t offset) {
  if (given.is_constant()) {
    const uint64_t address = uint64_t{static_cast<uint32_t>(given.bits)} + offset;
    const int32_t low = low_part(address);
    const uint64_t high = high_part(address);
    return {.base = high == 0 ? kMemory : gpr(page_base(high)), .offset = low, .owned = kNoReg};
  }
  Value index = given;
  uint64_t displacement = offset;
  if (index.pending == Pending::Plus) {
    const uint64_t sum = offset + static_cast<uint64_t>(index.bits);
    if (high_part(sum) == high_part(offset) || !riscv64::fits_imm12(index.bits) ||
        addresses_.find(kZero, high_part(sum)) != kNoReg) {
      displacement = sum;
      index.pending = Pending::None;
    }
  }
  const int32_t low = low_part(displacement);
  const uint64_t high = high_part(displacement);
  const bool is_local = index.is_register() && index.pending == Pending::None &&
                        !pool_.is_temporary(index.reg) && index.reg != kZero;
  if (is_local) {
    const Reg known = addresses_.find(index.reg, high);
    if (known != kNoReg) {
      release(index);
      return {.base = gpr(known), .offset = low, .owned = kNoReg};
    }
  }
  const Reg r = use_low(index);
  // The page's register is not held: should it be chosen below, the sum replaces it.
  const Gpr base = high == 0 ? kMemory : gpr(page_base(high));
  release(r);
  const Reg sum = allocate_integer();
  add_zero_extended(sum, r, base);
  if (!is_local) return {.base = gpr(sum), .offset = low, .owned = sum};
  addresses_.remember(pool_, r, high, sum);
  return {.base = gpr(sum), .offset = low, .owned = kNoReg};
}

void FunctionCompiler::on_load(Opcode opcode, wasm::MemArg memarg) {
  masm_.checkpoint();
  const Access& access = access_of(opcode);
  const Address address = address_of(pop(), memarg.offset);
  if (address.owned != kNoReg) release(address.owned);
  const Reg r = allocate(access.type);
  masm_.next_may_trap(TrapKind::MemoryOutOfBounds, decoder_.offset());
  if (is_fpr(r)) {
    masm_.emit_fload(access.bits, fpr(r), address.offset, address.base);
  } else {
    masm_.emit_load(access.bits, gpr(r), address.offset, address.base);
  }
  const int64_t known_bits = access.bits == op::lbu ? 8 : access.bits == op::lhu ? 16 : 0;
  push_register(access.type, r, Pending::None, known_bits);
}

void FunctionCompiler::on_store(Opcode opcode, wasm::MemArg memarg) {
  masm_.checkpoint();
  Access access = access_of(opcode);
  Value value = pop();
  if (value.is_constant() && wasm::is_float(access.type)) {
    // The bits need not pass through a float register.
    const bool is_single = access.type == ValType::F32;
    value.type = is_single ? ValType::I32 : ValType::I64;
    if (is_single) value.bits = static_cast<int32_t>(value.bits);
    access = {.bits = is_single ? op::sw : op::sd, .type = value.type};
  }
  if (value.pending == Pending::Widen && access.bits != op::sd) value.pending = Pending::Narrow;
  const Reg r = access.bits == op::sd ? use(value) : use_low(value);
  const Address address = address_of(pop(), memarg.offset);
  masm_.next_may_trap(TrapKind::MemoryOutOfBounds, decoder_.offset());
  if (is_fpr(r)) {
    masm_.emit_fstore(access.bits, fpr(r), address.offset, address.base);
  } else {
    masm_.emit_store(access.bits, gpr(r), address.offset, address.base);
  }
  release(r);
  if (address.owned != kNoReg) release(address.owned);
}

// ---- The VmContext -----------------------------------------------------------------------------

void FunctionCompiler::load_vm(uint32_t bits, Reg to, uint32_t offset) {
  if (is_fpr(to)) return masm_.load(bits, fpr(to), kVm, offset);
  masm_.load(bits, gpr(to), kVm, offset);
}

FunctionCompiler::VmPlace FunctionCompiler::vm_place(bool imported, uint32_t offset, Reg scratch) {
  if (!imported) return {.base = kVm, .offset = offset};
  load_vm(op::ld, scratch, offset);
  return {.base = gpr(scratch), .offset = 0};
}

void FunctionCompiler::on_global_get(uint32_t global, ValType type) {
  masm_.checkpoint();
  const wasm::Global& definition = module_.globals[global];
  const bool imported = global < module_.imported_globals;
  if (!imported && !definition.type.is_mutable && definition.init &&
      definition.init->kind <= wasm::ConstExpr::Kind::F64) {
    return push(Value::constant(type, static_cast<int64_t>(definition.init->bits)));
  }
  const Reg r = allocate(type);
  const Reg scratch = is_fpr(r) ? allocate_integer() : r;
  const VmPlace place = vm_place(imported, layout_.global(global), scratch);
  load_stack_value(r, type, place.base, place.offset);
  if (scratch != r) release(scratch);
  push_register(type, r);
}

void FunctionCompiler::on_global_set(uint32_t global, ValType type) {
  masm_.checkpoint();
  const Reg r = use(pop());
  const Reg scratch = allocate_integer();
  const VmPlace place =
      vm_place(global < module_.imported_globals, layout_.global(global), scratch);
  if (type == ValType::F32) {
    masm_.store(op::fsw, fpr(r), place.base, place.offset);
  } else if (is_fpr(r)) {
    masm_.store(op::fsd, fpr(r), place.base, place.offset);
  } else {
    masm_.store(op::sd, gpr(r), place.base, place.offset);
  }
  release(scratch);
  release(r);
}

// ---- memory.* ----------------------------------------------------------------------------------

void FunctionCompiler::on_memory_size() {
  masm_.checkpoint();
  const Reg r = allocate_integer();
  const VmPlace place = vm_place(module_.imported_memories != 0, layout_.memory(0), r);
  masm_.load(op::ld, gpr(r), place.base, place.offset + offsetof(abi::MemoryDefinition, length));
  masm_.srli(gpr(r), gpr(r), 16);
  push_register(ValType::I32, r);
}

FunctionCompiler::BuiltinArgument FunctionCompiler::memory_argument() const {
  return BuiltinArgument::definition(module_.imported_memories != 0, layout_.memory(0));
}

void FunctionCompiler::on_memory_grow() {
  call_builtin(abi::Builtin::MemoryGrow,
               std::array{BuiltinArgument::context(), BuiltinArgument::of(0)}, 1);
  push_builtin_result();
}

void FunctionCompiler::on_memory_copy() {
  call_trapping_builtin(abi::Builtin::MemoryCopy, std::array{memory_argument(), memory_argument()},
                        3, TrapKind::MemoryOutOfBounds);
}

void FunctionCompiler::on_memory_fill() {
  call_trapping_builtin(abi::Builtin::MemoryFill, std::array{memory_argument()}, 3,
                        TrapKind::MemoryOutOfBounds);
}

void FunctionCompiler::on_memory_init(uint32_t segment) {
  const auto source = BuiltinArgument::definition(false, layout_.data_segment(segment));
  call_trapping_builtin(abi::Builtin::MemoryInit, std::array{memory_argument(), source}, 3,
                        TrapKind::MemoryOutOfBounds);
}

void FunctionCompiler::on_data_drop(uint32_t segment) {
  masm_.checkpoint();
  masm_.store(op::sd, Gpr::Zero, kVm,
              layout_.data_segment(segment) + offsetof(abi::SegmentDefinition, length));
}

}  // namespace nacre::baseline
