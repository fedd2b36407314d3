#include "nacre/engine/runtime/host_call.hh"

#include <array>
#include <span>

#include "bytes.hh"
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

UserAddr stack_slot(UserAddr sp, uint32_t index) {
  // Wraps rather than panics: sp is an allegation, and a wild address fails in Platform::read.
  return UserAddr(sp.value() + 8 * uint64_t{index});
}

Result<void> gather(const HostCallee& callee, const Platform& platform, HostCallRegisters registers,
                    UserAddr sp, std::span<uint64_t> arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const wasm::ValueLocation location = callee.layout.params[i];
    uint64_t slot = 0;
    switch (location.kind) {
      case Kind::Integer:
        slot = registers.integers[location.index];
        break;
      case Kind::Float:
        slot = registers.floats[location.index];
        break;
      case Kind::Stack: {
        TRY_ASSIGN(slot, read_object<uint64_t>(platform, stack_slot(sp, location.index)));
        break;
      }
    }
    // Upper halves are whatever the guest left there.
    const wasm::ValType type = callee.function.type.params[i];
    arguments[i] = type == wasm::ValType::I32 ? to_slot(type, slot) : from_slot(type, slot);
  }
  return {};
}

Result<void> scatter(const HostCallee& callee, Platform& platform, HostCallRegisters registers,
                     UserAddr sp, std::span<const uint64_t> results) {
  for (size_t i = 0; i < results.size(); ++i) {
    const wasm::ValueLocation location = callee.layout.results[i];
    const uint64_t slot = to_slot(callee.function.type.results[i], results[i]);
    switch (location.kind) {
      case Kind::Integer:
        registers.integers[location.index] = slot;
        break;
      case Kind::Float:
        registers.floats[location.index] = slot;
        break;
      case Kind::Stack:
        TRY(write_object(platform, stack_slot(sp, location.index), slot));
        break;
    }
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
  param_count = static_cast<uint32_t>(layout.params.size());
  result_count = static_cast<uint32_t>(layout.results.size());
}

Memory* HostCall::memory() const {
  return caller_.memory(0);
}

HostOutcome call_host_general(const HostCallee& callee, Instance& caller,
                              HostCallRegisters registers, UserAddr sp) {
  Platform& platform = caller.store().platform();
  Values values(callee);
  if (!gather(callee, platform, registers, sp, values.arguments())) {
    return HostOutcome::trapped(abi::TrapKind::HostError);
  }
  HostCall call(caller, values.arguments(), values.results());
  const HostOutcome outcome = callee.sync_handler(callee.function.self, call);
  if (outcome.kind == HostOutcome::Kind::Return &&
      !scatter(callee, platform, registers, sp, values.results())) {
    return HostOutcome::trapped(abi::TrapKind::HostError);
  }
  return outcome;
}

coro::Task<HostOutcome> call_host_async(const HostCallee& callee, Instance& caller,
                                        HostCallRegisters registers, UserAddr sp) {
  if (!callee.is_async) co_return call_host(callee, caller, registers, sp);
  Platform& platform = caller.store().platform();
  Values values(callee);
  if (!gather(callee, platform, registers, sp, values.arguments())) {
    co_return HostOutcome::trapped(abi::TrapKind::HostError);
  }
  HostCall call(caller, values.arguments(), values.results());
  const HostOutcome outcome =
      co_await std::get<AsyncHandler>(callee.function.handler)(callee.function.self, call);
  if (outcome.kind == HostOutcome::Kind::Return &&
      !scatter(callee, platform, registers, sp, values.results())) {
    co_return HostOutcome::trapped(abi::TrapKind::HostError);
  }
  co_return outcome;
}

}  // namespace nacre::runtime
