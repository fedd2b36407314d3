#include "nacre/engine/runtime/thread_entry.hh"

#include "call_slots.hh"
#include "nacre/base/core/format.hh"
#include "nacre/engine/wasm/call_layout.hh"

namespace nacre::runtime {
namespace {

constexpr uint64_t kNanBox = 0xffff'ffff'0000'0000;
constexpr uint64_t kStackAlignment = 16;

}  // namespace

uint64_t to_slot(wasm::ValType type, uint64_t bits) {
  switch (type) {
    case wasm::ValType::I32:
      return static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(bits)));
    case wasm::ValType::F32:
      return bits | kNanBox;
    default:
      return bits;
  }
}

uint64_t from_slot(wasm::ValType type, uint64_t slot) {
  const bool is_32_bit = type == wasm::ValType::I32 || type == wasm::ValType::F32;
  return is_32_bit ? static_cast<uint32_t>(slot) : slot;
}

Result<ThreadEntry> prepare_entry(Store& store, const Function& function,
                                  std::span<const uint64_t> arguments, UserAddr stack_top) {
  const wasm::FuncType& type = store.types().type(function.type_id);
  if (arguments.size() != type.params.size()) {
    return fail(ErrorCode::InvalidArgument,
                format("the function takes {} arguments, but {} were given", type.params.size(),
                       arguments.size()));
  }
  const Instance* instance = store.find_instance(function.vm_context);
  if (instance == nullptr) {
    return fail(ErrorCode::InvalidArgument,
                "a host function that no instance imports cannot be invoked");
  }
  const wasm::CallLayout layout(type);
  const ByteSize slots(8 * uint64_t{layout.stack_slots});
  ThreadEntry entry = {.pc = function.entry,
                       .sp = (stack_top - slots).align_down(kStackAlignment),
                       .vm_context = function.vm_context,
                       .memory0_base = instance->memory0_base(),
                       .registers = {}};
  const CallSlots at(store.platform(), entry.registers.integers, entry.registers.floats, entry.sp);
  for (size_t i = 0; i < arguments.size(); ++i) {
    TRY(at.write(layout.params[i], to_slot(type.params[i], arguments[i])));
  }
  return entry;
}

Result<std::vector<uint64_t>> read_results(Store& store, const Function& function,
                                           abi::CallRegisters registers, UserAddr entry_sp) {
  const wasm::FuncType& type = store.types().type(function.type_id);
  const wasm::CallLayout layout(type);
  const CallSlots slots(store.platform(), registers.integers, registers.floats, entry_sp);
  std::vector<uint64_t> results;
  results.reserve(type.results.size());
  for (size_t i = 0; i < type.results.size(); ++i) {
    TRY_ASSIGN(const uint64_t slot, slots.read(layout.results[i]));
    results.push_back(from_slot(type.results[i], slot));
  }
  return results;
}

}  // namespace nacre::runtime
