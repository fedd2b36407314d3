// Panics (base/core/panic.hh): report, then unwind to the nearest boundary. Without one, or if a panic meets another, the
// machine stops with arch::kExitKernelFailure.
#pragma once

#include <expected>
#include <source_location>
#include <string_view>
#include <utility>

#include "nacre/base/core/address.hh"
#include "nacre/kernel/trace/span.hh"

namespace nacre::trace {

// What a boundary learns.
class PanicReport {
 public:
  explicit PanicReport(std::string_view message);
  [[nodiscard]] std::string_view message() const { return {text_, size_}; }

 private:
  char text_[240];
  size_t size_;
};

// What panic() throws. Catch it through catch_panic only.
struct PanicException {
  // Made in the exception's own memory: from here on the panic is on its way, and another one may be reported.
  explicit PanicException(std::string_view message);

  PanicReport report;
};

// Runs `action`; a panic in it ends here, after the destructors between ran. `boundary` names this place in the log.
template <class Action>
[[nodiscard]] std::expected<void, PanicReport> catch_panic(std::string_view boundary,
                                                           Action&& action);

// For panic(): writes the report of one, with a backtrace of the caller's caller.
void write_report(CpuId cpu, std::string_view message, const std::source_location& where);

// Before the first panic; what cannot be caught then stops the machine with a report.
void initialize_panics();

void note_caught_panic(std::string_view boundary, const PanicReport& report);

template <class Action>
std::expected<void, PanicReport> catch_panic(std::string_view boundary, Action&& action) {
  // A fault where the compiler expects no exception passes destructors by, a span's too.
  const SpanMark mark;
  try {
    std::forward<Action>(action)();
    return {};
  } catch (const PanicException& panic) {
    mark.restore();
    note_caught_panic(boundary, panic.report);
    return std::unexpected(panic.report);
  }
}

}  // namespace nacre::trace
