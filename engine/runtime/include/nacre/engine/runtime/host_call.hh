// Host calls: from the registers of a guest that called an import to a handler and back. Which
// register holds which argument is worked out once, when the function is created (HostCallee).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "nacre/abi/syscall.hh"
#include "nacre/abi/vm_context.hh"
#include "nacre/base/core/address.hh"
#include "nacre/base/core/panic.hh"
#include "nacre/base/coro/task.hh"
#include "nacre/engine/runtime/host_function.hh"
#include "nacre/engine/wasm/call_layout.hh"

namespace nacre::runtime {

class Instance;
class Platform;

// A view of the caller's registers, wherever the platform saved them: integers a0–a7, floats
// fa0–fa7. `floats` may be null for a callee that does not use them.
struct HostCallRegisters {
  uint64_t* integers;
  uint64_t* floats;
};

struct HostCallee {
  HostFunction function;
  wasm::CallLayout layout;
  uint32_t type_id = 0;
  bool is_async = false;
  bool uses_floats = false;  // some parameter or result is f32 or f64
  // All parameters are in integer registers and there is at most one result, in a0: no copying
  // needed.
  bool is_simple = false;
  bool result_is_i32 = false;  // the first result
  // Copies of what `function` holds, for the hot path.
  SyncHandler sync_handler = nullptr;
  Attempt attempt = nullptr;
  uint32_t param_count = 0;
  uint32_t result_count = 0;

  HostCallee(const HostFunction& host_function, uint32_t canonical_type_id);
};

// The result of a simple signature, to where the caller looks for it.
inline void write_result(const HostCallee& callee, HostCallRegisters registers, uint64_t result) {
  if (callee.result_count == 0) return;
  const auto extended = static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(result)));
  registers.integers[0] = callee.result_is_i32 ? extended : result;
}

// Signatures that are not simple; use call_host.
[[nodiscard]] HostOutcome call_host_general(const HostCallee& callee, Instance& caller,
                                            HostCallRegisters registers, UserAddr sp);

// Runs a synchronous callee (!is_async) to its end. `sp` is where the caller's stack arguments are alleged to be. Results
// are written back if the outcome is Return. A stack argument that cannot be read ends in TrapKind::HostError.
[[nodiscard]] inline HostOutcome call_host(const HostCallee& callee, Instance& caller,
                                           HostCallRegisters registers, UserAddr sp) {
  DEBUG_ASSERT(!callee.is_async);
  if (!callee.is_simple) [[unlikely]]
    return call_host_general(callee, caller, registers, sp);
  // The arguments are already an array, in order; only the result needs a place of its own, since writing it must not
  // change an argument that the handler reads later.
  uint64_t result = 0;
  HostCall call(caller, std::span(registers.integers, callee.param_count),
                std::span(&result, callee.result_count));
  const HostOutcome outcome = callee.sync_handler(callee.function.self, call);
  write_result(callee, registers, result);
  return outcome;
}
// An asynchronous callee, if it need not wait; otherwise nothing happens, and call_host_async is to be called.
[[nodiscard]] inline std::optional<HostOutcome> try_call_host(const HostCallee& callee,
                                                              Instance& caller,
                                                              HostCallRegisters registers) {
  if (callee.attempt == nullptr || !callee.is_simple) return std::nullopt;
  uint64_t result = 0;
  HostCall call(caller, std::span(registers.integers, callee.param_count),
                std::span(&result, callee.result_count));
  const std::optional<HostOutcome> outcome = callee.attempt(callee.function.self, call);
  if (outcome) write_result(callee, registers, result);
  return outcome;
}
// Any callee. What the references name must stay alive until the task ends.
[[nodiscard]] coro::Task<HostOutcome> call_host_async(const HostCallee& callee, Instance& caller,
                                                      HostCallRegisters registers, UserAddr sp);

}  // namespace nacre::runtime
