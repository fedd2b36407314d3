// Symbolised backtraces: a line a call, inlined calls included, with file and line from the table that the boot image carries
// (base/elf/line_table.hh). Nothing is allocated; it works in any context.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "nacre/base/elf/line_table.hh"

namespace nacre::trace {

// Short: without addresses and without the C++ runtime's own functions. Off: no lines at all. From the boot argument `backtrace`.
enum class BacktraceStyle : uint8_t { Short, Full, Off };
[[nodiscard]] std::optional<BacktraceStyle> parse_backtrace_style(std::string_view name);

// Before this, backtraces are addresses. `slide` is by how much the image was moved.
void initialize_backtraces(const elf::LineTable& lines, uint64_t slide);
void set_backtrace_style(BacktraceStyle style);

// Writes the current stack to the console, without the innermost `skip` frames.
void write_backtrace(unsigned skip = 0);

}  // namespace nacre::trace
