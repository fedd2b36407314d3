// Command files: a script of the specification's test suite as tools/spec writes it, modules included, so that a kernel
// can run it without parsing text.
//
// Layout, little-endian: "nacrespc", u32 version, text name, u32 count, then the commands. A text or blob is a u32 length
// and bytes; values are a u32 count and, each, u8 type code (ValType; 0 = null of any type), u8 match, u64 bits; an action
// is u8 (0 invoke, 1 get), text instance, text field, values. A command is u8 kind, u32 line, and then:
//   skip: text reason · module, definition: text name, blob · instance: text name, text definition ·
//   register: text as, text instance · action: action · return: action, values · trap, exhaustion: action, text ·
//   module_trap, unlinkable, invalid, malformed: blob, text
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "nacre/base/core/error.hh"
#include "nacre/engine/wasm/types.hh"

namespace nacre::spec {

// In the order of the codes in the file.
enum class CommandKind : uint8_t {
  Skip,        // `text` is the reason
  Module,      // define and instantiate; becomes the current instance, and `name` if given
  Definition,  // only define, as `name`
  Instance,    // instantiate `definition` as `name`
  Register,    // make the exports of `name` importable as `as`
  Action,      // must not trap
  Return,      // must give `expected`
  Trap,        // must trap, with this text
  Exhaustion,  // must run out of stack
  ModuleTrap,  // instantiating must trap
  Unlinkable,
  Invalid,
  Malformed,
};

struct Value {
  enum class Match : uint8_t { Exact, CanonicalNan, ArithmeticNan, NonNull };
  // Bottom: a null reference of any type.
  wasm::ValType type = wasm::ValType::I32;
  Match match = Match::Exact;
  // i32 and f32 in the low half. An external reference n is n + 1, since 0 is null.
  uint64_t bits = 0;
};

struct Action {
  enum class Kind : uint8_t { Invoke, Get };
  Kind kind = Kind::Invoke;
  std::string_view instance;  // empty: the current one
  std::string_view field;
  std::vector<Value> arguments;
};

// Views point into the file's bytes.
struct Command {
  CommandKind kind = CommandKind::Skip;
  uint32_t line = 0;
  std::string_view name;
  std::string_view definition;
  std::string_view as;
  std::string_view text;
  std::span<const uint8_t> module;
  Action action;
  std::vector<Value> expected;
};

struct CommandFile {
  std::string_view name;
  std::vector<Command> commands;
};

// `bytes` must outlive the result.
[[nodiscard]] Result<CommandFile> parse_command_file(std::span<const uint8_t> bytes);

}  // namespace nacre::spec
