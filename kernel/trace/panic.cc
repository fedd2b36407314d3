#include "nacre/kernel/trace/panic.hh"

#include <unwind.h>

#include <algorithm>
#include <exception>

#include "line.hh"
#include "nacre/base/core/panic.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/trace/demangle.hh"
#include "nacre/kernel/trace/log.hh"

namespace nacre::trace {
namespace {

constinit Logger log_panic("panic");

// Set once by initialize_backtraces().
constinit elf::SymbolTable symbols;
constinit uint64_t image_slide = 0;

constexpr unsigned kMaxFrames = 64;

struct Walk {
  unsigned skip;
  unsigned index = 0;
  uint64_t last_ip = 0;
  unsigned repeats = 0;  // frames at last_ip after the first: recursion is not spelt out
};

void write_repeats(Walk& walk) {
  if (walk.repeats == 0) return;
  FixedLine<kMaxLine> line;
  format_to(line, "      ({} more of the same)", walk.repeats);
  line.end_line();
  write_raw_forced(line.text());
  walk.repeats = 0;
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
  FixedLine<kMaxLine> line;
  format_to(line, "  #{:<2} 0x{:x}", walk.index++, ip);
  // A return address may lie behind the function's end, if the call does not return. In a trapped frame it is exact.
  const uint64_t inside = before_instruction != 0 ? ip : ip - 1;
  if (const auto symbol = symbols.find(inside - image_slide)) {
    char name[256];
    format_to(line, " {}+0x{:x}", demangle(symbol->name, name), symbol->offset + (ip - inside));
  }
  line.end_line();
  write_raw_forced(line.text());
  return _URC_NO_REASON;
}

[[noreturn]] void stop_after_nested(std::string_view message) {
  FixedLine<kMaxLine> line;
  format_to(line, "panic during a panic: {}", message);
  line.end_line();
  write_raw_forced(line.text());
  arch::stop_machine(arch::kExitKernelFailure);
}

// No boundary was found, or the way to it leads through a noexcept function. (Most of the library's checked accessors are
// noexcept: a failed check in them always ends here.)
[[noreturn]] void on_terminate() {
  FixedLine<kMaxLine> line;
  line.write("nothing can catch this, the machine stops: ");
  bool reported = false;
  if (const std::exception_ptr current = std::current_exception()) {
    try {
      std::rethrow_exception(current);
    } catch (const PanicException&) {
      line.write("a panic");
      reported = true;
    } catch (const std::exception& exception) {
      line.write(exception.what());
    } catch (...) {
      line.write("an exception of unknown type");
    }
  } else {
    line.write("std::terminate");
  }
  line.end_line();
  write_raw_forced(line.text());
  if (!reported) write_backtrace(1);
  arch::stop_machine(arch::kExitKernelFailure);
}

}  // namespace

PanicReport::PanicReport(std::string_view message) : size_(std::min(message.size(), sizeof text_)) {
  message.copy(text_, size_);
}

PanicException::PanicException(std::string_view message) : report(message) {
  arch::this_cpu().panic_depth = 0;
}

void initialize_backtraces(elf::SymbolTable table, uint64_t slide) {
  symbols = table;
  image_slide = slide;
  std::set_terminate(on_terminate);
}

void write_backtrace(unsigned skip) {
  Walk walk{.skip = skip + 1};
  _Unwind_Backtrace(write_frame, &walk);
  write_repeats(walk);
}

void note_caught_panic(std::string_view boundary, const PanicReport& report) {
  log_panic.error("caught at {}: {}", boundary, report.message());
}

}  // namespace nacre::trace

namespace nacre {

// Two things make a panic a nested one: it happens while another is being reported, or in a destructor that runs while
// the stack is unwound. Either way nothing can be trusted any more.
void panic(std::string_view message, std::source_location where) {
  arch::PerCpu& cpu = arch::this_cpu();
  if (cpu.panic_depth++ > 0 || std::uncaught_exceptions() > 0) trace::stop_after_nested(message);
  trace::FixedLine<trace::kMaxLine> line;
  format_to(line, "\npanic on CPU {}: {}\n  at {}:{} in {}", cpu.id.value, message,
            where.file_name(), where.line(), where.function_name());
  line.end_line();
  trace::write_raw_forced(line.text());
  trace::write_backtrace(1);
  throw trace::PanicException(message);
}

}  // namespace nacre
