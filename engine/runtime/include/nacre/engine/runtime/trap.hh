// Why a guest stopped, and where: from a fault's registers to a trap kind, a backtrace and a text.
//
// Every input is an allegation of the guest: stacks are read through the Platform, lengths are
// bounded, garbage ends a backtrace early.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/abi/trap_kind.hh"
#include "nacre/base/core/address.hh"

namespace nacre::runtime {

class Store;

enum class FaultCause : uint8_t {
  Breakpoint,  // ebreak
  Load,        // read of `address`
  Store,       // write to `address`
  Fetch,       // of an instruction
  IllegalInstruction,
  Other,
};

struct Fault {
  UserAddr pc;
  FaultCause cause;
  UserAddr address;  // Load, Store, Fetch
};

// What to call a module without a name in backtraces: its file's name without folders and ".wasm".
[[nodiscard]] std::string_view module_name_of_file(std::string_view path);

struct Frame {
  std::string module;                   // may be empty
  std::optional<std::string> function;  // name, if known
  uint32_t function_index = 0;
  std::optional<uint32_t> wasm_offset;  // bytes from the start of the module
  uint32_t code_offset = 0;             // bytes from the function's first instruction
};

struct Backtrace {
  std::vector<Frame> frames;   // innermost first
  uint64_t omitted_after = 0;  // index in `frames` behind which `omitted` frames were left out
  uint64_t omitted = 0;
};

struct Trap {
  abi::TrapKind kind = abi::TrapKind::None;
  // Not a trap of WebAssembly: the guest's code did something that no trap site explains.
  bool is_internal_error = false;
  std::string detail;  // for internal errors and host errors; else empty
  Backtrace backtrace;
};

// What a backtrace starts from.
struct StopRegisters {
  UserAddr pc;
  UserAddr sp;
  UserAddr ra;
};

// Contains the wording of the specification's test suite, e.g. "integer divide by zero".
[[nodiscard]] std::string_view message_of(abi::TrapKind kind);

// Kind (and detail) without backtrace.
[[nodiscard]] Trap classify(const Store& store, const Fault& fault);
// At most 64 innermost and 16 outermost frames.
[[nodiscard]] Backtrace backtrace(const Store& store, const StopRegisters& stop);

// Several lines, each ended by a newline:
//   wasm trap: out of bounds memory access
//       0: 0x1a2b - app!copy
//       1: 0x0c04 - app!main
[[nodiscard]] std::string format_trap(const Trap& trap);

}  // namespace nacre::runtime
