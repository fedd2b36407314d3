// Values as text, for calling an export from a command line: what is typed and what is printed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/core/error.hh"
#include "nacre/engine/wasm/types.hh"

namespace nacre::runtime {

// Value bits (thread_entry.hh) of the words given for a function's parameters: integers in decimal or 0x hexadecimal, with
// sign, in the type's signed or unsigned range; floats as in C. References cannot be written.
[[nodiscard]] Result<std::vector<uint64_t>> parse_arguments(
    const wasm::FuncType& type, std::span<const std::string_view> words);
// Integers signed, floats in the shortest decimal form that reads back the same, references as "null" or an opaque word.
[[nodiscard]] std::string value_to_string(wasm::ValType type, uint64_t bits);

}  // namespace nacre::runtime
