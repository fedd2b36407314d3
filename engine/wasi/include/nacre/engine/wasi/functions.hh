// The functions of WASI preview 1 as a table. Each is one handler that reads its arguments from a
// Call, checks every guest address it will use, acts, and answers with an errno;
// engine/wasi/binding makes imports of them.
//
// Source: wasi_snapshot_preview1.witx, and its predecessor wasi_unstable, which differs in three
// layouts (Dialect).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "nacre/base/coro/task.hh"
#include "nacre/engine/wasi/guest_memory.hh"
#include "nacre/engine/wasi/process.hh"

namespace nacre::wasi {

// Unstable: `whence` counts from "current", a filestat has 56 bytes, a clock subscription has 8
// more bytes.
enum class Dialect : uint8_t { Preview1, Unstable };

inline constexpr std::string_view kPreview1Module = "wasi_snapshot_preview1";
inline constexpr std::string_view kUnstableModule = "wasi_unstable";

struct Call {
  Process& process;
  GuestMemory& memory;
  std::span<const uint64_t> arguments;  // i32 may be sign-extended
  Dialect dialect = Dialect::Preview1;
  std::optional<uint32_t> exit_code;  // set by proc_exit and proc_raise: the guest does not go on

  [[nodiscard]] uint32_t u32(size_t i) const { return static_cast<uint32_t>(arguments[i]); }
  [[nodiscard]] uint64_t u64(size_t i) const { return arguments[i]; }
};

using SyncHandler = Errno (*)(Call& call);
// The call stays alive until the task ends.
using AsyncHandler = coro::Task<Errno> (*)(Call& call);

// What an asynchronous function does if it need not wait. Nothing: it must, and nothing has happened.
using Attempt = std::optional<Errno> (*)(Call& call);

struct Function {
  std::string_view name;
  std::string_view parameters;  // 'i' = i32, 'I' = i64
  std::variant<SyncHandler, AsyncHandler> handler;
  bool returns_errno = true;  // else nothing
  bool may_end = false;       // may set Call::exit_code
  bool in_unstable = true;
  Attempt attempt = nullptr;  // of an asynchronous handler, if it has one
};

[[nodiscard]] std::span<const Function> functions();

}  // namespace nacre::wasi
