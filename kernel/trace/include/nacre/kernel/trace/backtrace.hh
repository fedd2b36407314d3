// Symbolised backtraces: a line a call, inlined calls included, with file and line from the table that the boot image carries
// (base/elf/line_table.hh). Nothing is allocated; it works in any context.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "nacre/base/core/format.hh"
#include "nacre/base/elf/line_table.hh"

namespace nacre::coro {
class Strand;
}

namespace nacre::trace {

// Short: without addresses and without the C++ runtime's own functions. Off: no lines at all. From the boot argument `backtrace`.
enum class BacktraceStyle : uint8_t { Short, Full, Off };
[[nodiscard]] std::optional<BacktraceStyle> parse_backtrace_style(std::string_view name);

// Before this, backtraces are addresses. `slide` is by how much the image was moved.
void initialize_backtraces(const elf::LineTable& lines, uint64_t slide);
void set_backtrace_style(BacktraceStyle style);

// "function+0x12 at file:line" of a code address, inlined calls after it; "?" where nothing is known.
void describe_address(FormatSink& sink, uint64_t address);

// The coroutines of a strand that does not run, from the one that waits to the root, a line each.
void describe_coroutines(FormatSink& sink, const coro::Strand& strand);

// Writes the current stack to the console, without the innermost `skip` frames.
void write_backtrace(unsigned skip = 0);

}  // namespace nacre::trace
