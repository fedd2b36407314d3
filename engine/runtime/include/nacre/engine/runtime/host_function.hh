// Functions that the system offers to guests as imports. The engine decides the calling convention;
// a handler sees typed arguments and the calling instance's memory.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "nacre/abi/trap_kind.hh"
#include "nacre/base/core/error.hh"
#include "nacre/base/coro/task.hh"
#include "nacre/engine/wasm/types.hh"

namespace nacre::runtime {

class Instance;
class Memory;

// How a host call ends.
struct HostOutcome {
  enum class Kind : uint8_t {
    Return,  // results were set
    Trap,    // the guest traps with `trap`
    Exit,    // the guest's thread ends with `exit_code` (proc_exit)
  };
  Kind kind = Kind::Return;
  abi::TrapKind trap = abi::TrapKind::None;
  uint32_t exit_code = 0;

  static HostOutcome returned() { return {}; }
  static HostOutcome trapped(abi::TrapKind kind) { return {Kind::Trap, kind, 0}; }
  static HostOutcome exited(uint32_t code) { return {Kind::Exit, abi::TrapKind::None, code}; }
};

// One call in flight. Arguments were read out of the guest's registers before the handler runs; i32
// are sign-extended.
class HostCall {
 public:
  HostCall(Instance& caller, std::span<const uint64_t> arguments, std::span<uint64_t> results)
      : caller_(caller), arguments_(arguments), results_(results) {}

  [[nodiscard]] uint32_t u32(size_t i) const { return static_cast<uint32_t>(arguments_[i]); }
  [[nodiscard]] uint64_t u64(size_t i) const { return arguments_[i]; }
  [[nodiscard]] std::span<const uint64_t> arguments() const { return arguments_; }
  void set_result(uint64_t bits) { results_[0] = bits; }
  void set_result(size_t i, uint64_t bits) { results_[i] = bits; }

  [[nodiscard]] Instance& caller() const { return caller_; }
  // The caller's memory 0, or nullptr. Checked against the runtime's own books on every access, so
  // it stays valid across co_await and growth.
  [[nodiscard]] Memory* memory() const;

 private:
  Instance& caller_;
  std::span<const uint64_t> arguments_;
  std::span<uint64_t> results_;
};

using SyncHandler = HostOutcome (*)(void* self, HostCall& call);
// May suspend. `call` stays alive until the task ends.
using AsyncHandler = coro::Task<HostOutcome> (*)(void* self, HostCall& call);

// What an asynchronous function does if it need not wait. Nothing: it must, and nothing has happened.
using Attempt = std::optional<HostOutcome> (*)(void* self, HostCall& call);

struct HostFunction {
  std::string_view module;
  std::string_view name;
  wasm::FuncType type;
  std::variant<SyncHandler, AsyncHandler> handler;
  void* self = nullptr;
  Attempt attempt = nullptr;  // of an asynchronous handler, if it has one
};

}  // namespace nacre::runtime
