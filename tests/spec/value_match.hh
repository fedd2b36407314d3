// Comparing what a guest returned, or an engine refused, with what a script expects.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "nacre/base/core/error.hh"
#include "nacre/tests/spec/command_file.hh"

namespace nacre::spec {

struct TypedBits {
  wasm::ValType type;
  uint64_t bits;
};

[[nodiscard]] bool matches(const Value& expected, const TypedBits& found);
[[nodiscard]] bool matches(std::span<const Value> expected, std::span<const TypedBits> found);

// Whether an engine's refusal is the one that an `invalid` or `malformed` command asks for: the kind of error decides,
// the text is for people.
[[nodiscard]] bool refusal_matches(const Command& command, const Error& error);

// "(i32:0x1, f32:canonical NaN)".
[[nodiscard]] std::string to_string(std::span<const Value> values);
[[nodiscard]] std::string to_string(std::span<const TypedBits> values);

}  // namespace nacre::spec
