// The kernel's log: lines on the console, "[    0.012345] 0 info  mm: text" (seconds since power-on, CPU, level, target, spans).
// It never allocates and may be used from the first moment on, in trap handlers and while the heap is broken. Lines longer than
// kMaxLine are cut.
//
// A line goes into a buffer of its CPU, and from there to the console at once if that is free; otherwise whoever holds the
// console writes it. So a logging CPU never waits for another one, and lines are whole. What does not fit is counted, and the
// console says so.
//
//   namespace { constinit trace::Logger log("mm"); }
//   log.info("{} MiB free", n);
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "nacre/base/core/address.hh"
#include "nacre/base/core/format.hh"
#include "nacre/kernel/trace/filter.hh"

namespace nacre::trace {

inline constexpr size_t kMaxLine = 500;

// Counts the filters set so far, from 1: a logger that has seen another number looks again. The acquire pairs with the
// release in set_filter().
extern constinit std::atomic<uint32_t> filter_generation;

class Logger {
 public:
  constexpr explicit Logger(std::string_view target) : target_(target) {}
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  template <class... Args>
  void error(std::string_view text, const Args&... args) const {
    log(Level::Error, text, args...);
  }
  template <class... Args>
  void warn(std::string_view text, const Args&... args) const {
    log(Level::Warn, text, args...);
  }
  template <class... Args>
  void info(std::string_view text, const Args&... args) const {
    log(Level::Info, text, args...);
  }
  template <class... Args>
  void debug(std::string_view text, const Args&... args) const {
    log(Level::Debug, text, args...);
  }
  template <class... Args>
  void trace(std::string_view text, const Args&... args) const {
    log(Level::Trace, text, args...);
  }

  [[nodiscard]] bool shows(Level level) const {
    const uint32_t cached = cached_.load(std::memory_order_relaxed);
    if (cached >> 8 != filter_generation.load(std::memory_order_acquire)) [[unlikely]] {
      return refresh(level);
    }
    const uint32_t shown = cached & 0xff;
    if (static_cast<uint32_t>(level) > shown) return false;
    return shown < kDependsOnSpans || shows_in_spans(level);
  }

 private:
  template <class... Args>
  void log(Level level, std::string_view text, const Args&... args) const {
    if (!shows(level)) [[likely]] {
      return;
    }
    const format_detail::Argument arguments[] = {format_detail::make_argument(args)...,
                                                 {nullptr, nullptr}};
    write(level, text, std::span(arguments, sizeof...(Args)));
  }

  // Asks the filter anew; whether the level is shown.
  [[nodiscard]] bool refresh(Level level) const;
  [[nodiscard]] bool shows_in_spans(Level level) const;
  void write(Level level, std::string_view text,
             std::span<const format_detail::Argument> arguments) const;

  // Instead of a level: above all of them, so that only what may be shown looks at the spans.
  static constexpr uint32_t kDependsOnSpans = 0x80;

  std::string_view target_;
  // Level shown or kDependsOnSpans | generation of the filter << 8. 0 until first used. Only a cache: relaxed.
  mutable std::atomic<uint32_t> cached_{0};
};

// From now on. Until then "info".
void set_filter(const Filter& filter);

[[nodiscard]] Filter current_filter();

// Writes text as it is, whole, not mixed with other CPUs' lines, after all that was logged before. Waits for the console: not
// for trap handlers.
void write_raw(std::string_view text);

// The same, and the text is kept with the log (append_history): for reports.
void write_kept(std::string_view text);

// Keeps the console for as long as this lives: what is written meanwhile stays together. Nests. A CPU that holds it for
// half a second is taken for dead.
class ConsoleHold {
 public:
  ConsoleHold();
  ~ConsoleHold();
  ConsoleHold(const ConsoleHold&) = delete;
  ConsoleHold& operator=(const ConsoleHold&) = delete;
  [[nodiscard]] bool is_outermost() const { return outermost_; }

 private:
  bool outermost_;
};

// Appends the last 16 KiB that were logged.
void append_history(std::string& out);
// Lines of a CPU that found no room.
[[nodiscard]] uint64_t lost_lines(CpuId cpu);

}  // namespace nacre::trace
