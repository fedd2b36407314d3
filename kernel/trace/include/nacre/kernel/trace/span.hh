// What is being done, from the outside in: log lines and panic reports name it. A span lasts as long as the object. In a coroutine
// it belongs to the strand (base/coro) and goes with it across co_await, from CPU to CPU; elsewhere it belongs to the CPU.
//
//   const trace::Span span("load", name);
#pragma once

#include <string_view>

#include "nacre/base/core/format.hh"

namespace nacre::trace {

class Span {
 public:
  // Both texts outlive the span. `detail` may be empty.
  explicit Span(std::string_view name, std::string_view detail = {}) noexcept;
  ~Span();
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;

 private:
  friend class SpanMark;
  friend void describe_spans(FormatSink& sink);

  std::string_view name_;
  std::string_view detail_;
  const void*& slot_;  // of its strand, or of the CPU
  const Span* outer_;
};

// Remembers which spans there are.
class SpanMark {
 public:
  SpanMark() noexcept;
  // Drops those that came since.
  void restore() const noexcept;

 private:
  const void*& slot_;
  const void* innermost_;
};

// The running strand's spans, or the CPU's outside of strands: outermost first, each as "name{detail}: ".
void describe_spans(FormatSink& sink);

}  // namespace nacre::trace
