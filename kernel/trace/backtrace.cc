#include "nacre/kernel/trace/backtrace.hh"

#include <unwind.h>

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstring>

#include "nacre/base/coro/strand.hh"
#include "nacre/base/coro/task.hh"
#include "nacre/kernel/trace/line.hh"
#include "nacre/kernel/trace/log.hh"

namespace nacre::trace {
namespace {

// Set by the boot CPU before others run.
constinit elf::LineTable lines;
constinit uint64_t image_slide = 0;
// Any value of the type, changed at any time by the shell.
constinit std::atomic<BacktraceStyle> chosen_style{BacktraceStyle::Short};

constexpr unsigned kMaxFrames = 64;

struct Walk {
  unsigned skip;
  BacktraceStyle style;
  unsigned index = 0;
  uint64_t last_ip = 0;
  unsigned repeats = 0;  // frames at last_ip after the first: recursion is not spelt out
};

void write_repeats(Walk& walk) {
  if (walk.repeats == 0) return;
  FixedLine<kMaxLine> line;
  format_to(line, "      ({} more of the same)", walk.repeats);
  line.end_line();
  write_kept(line.text());
  walk.repeats = 0;
}

// The C++ library's and the unwinder's functions, which say nothing about who called whom.
bool is_runtime(const elf::SourceFrame& frame) {
  return frame.file.starts_with("c++/") || frame.file.find("libunwind") != std::string_view::npos ||
         frame.function.starts_with("std::") || frame.function.starts_with("_Unwind");
}

void write_call(Walk& walk, const elf::SourceFrame& frame, uint64_t ip, uint64_t offset) {
  FixedLine<kMaxLine> line;
  format_to(line, "  #{:<2} ", walk.index++);
  if (walk.style == BacktraceStyle::Full && !frame.inlined) format_to(line, "0x{:x} ", ip);
  line.write(frame.function);
  if (walk.style == BacktraceStyle::Full && !frame.inlined) format_to(line, "+0x{:x}", offset);
  if (!frame.file.empty() && frame.line != 0) format_to(line, " at {}:{}", frame.file, frame.line);
  if (frame.inlined) line.write(" (inlined)");
  line.end_line();
  write_kept(line.text());
}

_Unwind_Reason_Code write_frame(_Unwind_Context* context, void* argument) {
  Walk& walk = *static_cast<Walk*>(argument);
  int before_instruction = 0;
  const uint64_t ip = _Unwind_GetIPInfo(context, &before_instruction);
  if (ip == 0 || walk.index >= kMaxFrames) return _URC_END_OF_STACK;
  if (walk.skip > 0) {
    --walk.skip;
    return _URC_NO_REASON;
  }
  if (ip == walk.last_ip) {
    ++walk.repeats;
    return _URC_NO_REASON;
  }
  write_repeats(walk);
  walk.last_ip = ip;
  // A return address may lie behind the function's end, if the call does not return; of a trapped frame the unwinder has
  // the address that is one byte further (kernel/trap/entry.S).
  const uint64_t inside = ip - 1;
  const uint64_t shown = before_instruction != 0 ? inside : ip;
  auto position = lines.find(inside - image_slide);
  if (!position) {
    write_call(walk, {.function = "?", .file = {}}, shown, 0);
    return _URC_NO_REASON;
  }
  while (const auto frame = position->next()) {
    if (walk.style == BacktraceStyle::Short && is_runtime(*frame)) continue;
    write_call(walk, *frame, shown, shown - image_slide - position->function_start());
  }
  return _URC_NO_REASON;
}

}  // namespace

std::optional<BacktraceStyle> parse_backtrace_style(std::string_view name) {
  if (name == "short") return BacktraceStyle::Short;
  if (name == "full") return BacktraceStyle::Full;
  if (name == "off") return BacktraceStyle::Off;
  return std::nullopt;
}

void initialize_backtraces(const elf::LineTable& table, uint64_t slide) {
  lines = table;
  image_slide = slide;
}

void set_backtrace_style(BacktraceStyle wanted) {
  chosen_style.store(wanted, std::memory_order_relaxed);
}

void describe_address(FormatSink& sink, uint64_t address) {
  auto position = lines.find(address - image_slide);
  if (!position) {
    sink.write("?");
    return;
  }
  bool first = true;
  while (const auto frame = position->next()) {
    if (!first) sink.write(", inlined in ");
    sink.write(frame->function);
    if (!frame->inlined)
      format_to(sink, "+0x{:x}", address - image_slide - position->function_start());
    if (!frame->file.empty() && frame->line != 0)
      format_to(sink, " at {}:{}", frame->file, frame->line);
    first = false;
  }
}

void describe_coroutines(FormatSink& sink, const coro::Strand& strand) {
  // A frame begins with the address of its resume function (Itanium-like ABI of LLVM's coroutines); the strand lies in
  // the root's.
  const auto* const own = static_cast<const std::byte*>(static_cast<const void*>(&strand));
  constexpr ptrdiff_t kRootHead = 256;
  std::coroutine_handle<> coroutine = strand.resume_point();
  for (unsigned index = 0; coroutine && index < kMaxFrames; ++index) {
    const auto* const frame = static_cast<const std::byte*>(coroutine.address());
    uint64_t resume = 0;
    std::memcpy(&resume, frame, sizeof resume);
    format_to(sink, "  #{:<2} ", index);
    describe_address(sink, resume);
    sink.write("\n");
    if (own > frame && own - frame < kRootHead) return;
    using Handle = std::coroutine_handle<coro::detail::PromiseBase>;
    coroutine = Handle::from_address(coroutine.address()).promise().continuation;
  }
}

void write_backtrace(unsigned skip) {
  const BacktraceStyle style = chosen_style.load(std::memory_order_relaxed);
  if (style == BacktraceStyle::Off) return;
  const ConsoleHold hold;
  Walk walk{.skip = skip + 1, .style = style};
  _Unwind_Backtrace(write_frame, &walk);
  write_repeats(walk);
}

}  // namespace nacre::trace
