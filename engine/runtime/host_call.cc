#include "nacre/engine/runtime/host_call.hh"

#include <array>
#include <span>

#include "call_slots.hh"
#include "nacre/engine/runtime/instance.hh"
#include "nacre/engine/runtime/store.hh"
#include "nacre/engine/runtime/thread_entry.hh"

namespace nacre::runtime {
namespace {

using Kind = wasm::ValueLocation::Kind;

bool simple_layout(const wasm::FuncType& type, const wasm::CallLayout& layout) {
  for (const wasm::ValueLocation& location : layout.params) {
    if (location.kind != Kind::Integer) return false;
  }
  if (layout.results.size() > 1) return false;
  return type.results.empty() || !wasm::is_float(type.results[0]);
}

bool any_float(const wasm::FuncType& type) {
  for (wasm::ValType t : type.params) {
    if (wasm::is_float(t)) return true;
  }
  for (wasm::ValType t : type.results) {
    if (wasm::is_float(t)) return true;
  }
  return false;
}

Result<void> gather(const HostCallee& callee, const CallSlots& slots,
                    std::span<uint64_t> arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    TRY_ASSIGN(const uint64_t slot, slots.read(callee.layout.params[i]));
    // Upper halves are whatever the guest left there.
    const wasm::ValType type = callee.function.type.params[i];
    arguments[i] = type == wasm::ValType::I32 ? to_slot(type, slot) : from_slot(type, slot);
  }
  return {};
}

Result<void> scatter(const HostCallee& callee, const CallSlots& slots,
                     std::span<const uint64_t> results) {
  for (size_t i = 0; i < results.size(); ++i) {
    TRY(slots.write(callee.layout.results[i],
                    to_slot(callee.function.type.results[i], results[i])));
  }
  return {};
}

// Arguments and results of one call: in place for ordinary signatures, on the heap beyond.
class Values {
 public:
  explicit Values(const HostCallee& callee)
      : params_(callee.layout.params.size()), results_(callee.layout.results.size()) {
    if (params_ + results_ > inline_.size()) overflow_.resize(params_ + results_);
  }
  std::span<uint64_t> arguments() { return all().first(params_); }
  std::span<uint64_t> results() { return all().last(results_); }

 private:
  std::span<uint64_t> all() {
    return overflow_.empty() ? std::span<uint64_t>(inline_).first(params_ + results_)
                             : std::span<uint64_t>(overflow_);
  }

  size_t params_;
  size_t results_;
  std::array<uint64_t, 16> inline_{};
  std::vector<uint64_t> overflow_;
};

}  // namespace

HostCallee::HostCallee(const HostFunction& host_function, uint32_t canonical_type_id)
    : function(host_function),
      layout(host_function.type),
      type_id(canonical_type_id),
      is_async(std::holds_alternative<AsyncHandler>(host_function.handler)),
      uses_floats(any_float(host_function.type)),
      is_simple(simple_layout(host_function.type, layout)) {
  result_is_i32 = !layout.results.empty() && host_function.type.results[0] == wasm::ValType::I32;
  sync_handler = is_async ? nullptr : std::get<SyncHandler>(host_function.handler);
  attempt = is_async ? host_function.attempt : nullptr;
  param_count = static_cast<uint32_t>(layout.params.size());
  result_count = static_cast<uint32_t>(layout.results.size());
}

Memory* HostCall::memory() const {
  return caller_.memory(0);
}

HostOutcome call_host_general(const HostCallee& callee, Instance& caller,
                              HostCallRegisters registers, UserAddr sp) {
  const CallSlots slots(caller.store().platform(), registers.integers, registers.floats, sp);
  Values values(callee);
  if (!gather(callee, slots, values.arguments())) {
    return HostOutcome::trapped(abi::TrapKind::HostError);
  }
  HostCall call(caller, values.arguments(), values.results());
  const HostOutcome outcome = callee.sync_handler(callee.function.self, call);
  if (outcome.kind == HostOutcome::Kind::Return && !scatter(callee, slots, values.results())) {
    return HostOutcome::trapped(abi::TrapKind::HostError);
  }
  return outcome;
}

coro::Task<HostOutcome> call_host_async(const HostCallee& callee, Instance& caller,
                                        HostCallRegisters registers, UserAddr sp) {
  if (!callee.is_async) co_return call_host(callee, caller, registers, sp);
  const CallSlots slots(caller.store().platform(), registers.integers, registers.floats, sp);
  Values values(callee);
  if (!gather(callee, slots, values.arguments())) {
    co_return HostOutcome::trapped(abi::TrapKind::HostError);
  }
  HostCall call(caller, values.arguments(), values.results());
  const HostOutcome outcome =
      co_await std::get<AsyncHandler>(callee.function.handler)(callee.function.self, call);
  if (outcome.kind == HostOutcome::Kind::Return && !scatter(callee, slots, values.results())) {
    co_return HostOutcome::trapped(abi::TrapKind::HostError);
  }
  co_return outcome;
}

}  // namespace nacre::runtime
