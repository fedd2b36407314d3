#include "nacre/kernel/trace/panic.hh"

#include <algorithm>
#include <exception>

#include "nacre/base/core/panic.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/trace/backtrace.hh"
#include "nacre/kernel/trace/line.hh"
#include "nacre/kernel/trace/log.hh"
#include "nacre/kernel/trace/metrics.hh"
#include "nacre/kernel/trace/span.hh"
#include "running_strand.hh"

namespace nacre::trace {
namespace {

constinit Logger log_panic("panic");

const Counter kPanics("nacre_panics", "Panics reported");

[[noreturn]] void stop_after_nested(std::string_view message) {
  const ConsoleHold hold;
  FixedLine<kMaxLine> line;
  format_to(line, "panic during a panic: {}", message);
  line.end_line();
  write_kept(line.text());
  arch::stop_machine(arch::kExitKernelFailure);
}

// No boundary was found, or the way to it leads through a noexcept function. (Most of the library's checked accessors are
// noexcept: a failed check in them always ends here.)
[[noreturn]] void on_terminate() {
  const ConsoleHold hold;
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
  write_kept(line.text());
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

void initialize_panics() {
  std::set_terminate(on_terminate);
}

void write_report(CpuId cpu, std::string_view message, const std::source_location& where) {
  kPanics.add();
  // The whole report in one piece, also while other CPUs log or report.
  const ConsoleHold hold;
  FixedLine<kMaxLine> line;
  format_to(line, "\npanic on CPU {}: {}", cpu.value, message);
  line.end_line();
  write_kept(line.text());
  line.clear();
  format_to(line, "  at {}:{} in {}", where.file_name(), where.line(), where.function_name());
  line.end_line();
  write_kept(line.text());
  FixedLine<kMaxLine> spans;
  describe_spans(spans);
  const std::string_view doing =
      spans.text().substr(0, spans.text().size() - (spans.text().empty() ? 0 : 2));
  const coro::Strand* const task = running_strand();
  if (task != nullptr || !doing.empty()) {
    line.clear();
    if (task != nullptr) format_to(line, "  in task {}", static_cast<const void*>(task));
    format_to(line, "{}{}", task == nullptr ? "  in " : (doing.empty() ? "" : ", "), doing);
    line.end_line();
    write_kept(line.text());
  }
  write_backtrace(2);
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
  trace::write_report(cpu.id, message, where);
  throw trace::PanicException(message);
}

}  // namespace nacre
