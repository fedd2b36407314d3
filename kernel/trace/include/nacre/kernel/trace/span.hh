// What the CPU is doing, from the outside in: log lines and panic reports name it. A span lasts as long as the object and must
// not be held across a co_await.
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
  const Span* outer_;
};

// Remembers which spans there are.
class SpanMark {
 public:
  SpanMark() noexcept;
  // Drops those that came since.
  void restore() const noexcept;

 private:
  const Span* innermost_;
};

// The current CPU's spans, outermost first, each as "name{detail}: ". Nothing outside of spans.
void describe_spans(FormatSink& sink);

}  // namespace nacre::trace
