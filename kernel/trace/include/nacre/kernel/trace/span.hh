// What is being done, from the outside in: log lines and panic reports name it, and filters may ask for it ("[compile]=debug"). A
// span lasts as long as the object. In a coroutine it belongs to the strand (base/coro) and goes with it across co_await, from
// CPU to CPU; elsewhere it belongs to the CPU. A strand begins without any: it may outlive those of the one that spawned it.
//
//   const trace::Span span("load", name);
//
// With the target `span` at level trace (`[program]=trace`, or the shell's `trace on`) each span's begin and end are log lines.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

#include "nacre/base/core/format.hh"

namespace nacre::coro {
class Strand;
}

namespace nacre::trace {

// A span without an object, for what is too short and too frequent to have one: whoever writes a line asks whether it is there.
class InnerSpan {
 public:
  struct Text {
    std::string_view name;
    std::string_view detail;
  };
  virtual ~InnerSpan() = default;
  // What goes on right inside the span that this belongs to, if anything. For its strand, or while that does not run.
  [[nodiscard]] virtual std::optional<Text> current() const noexcept = 0;
};

// The target of the lines about spans.
inline constexpr std::string_view kSpanTarget = "span";

namespace detail {
// Whether any span's begin and end may be shown. Only a hint: relaxed.
[[gnu::visibility("hidden")]] extern constinit std::atomic<bool> g_spans_are_told;
}  // namespace detail

class Span {
 public:
  // The texts and `inner` outlive the span. `detail` may be empty.
  explicit Span(std::string_view name, std::string_view detail = {},
                const InnerSpan* inner = nullptr) noexcept;
  ~Span() {
    if (begin_ns_ != 0) [[unlikely]]
      tell_end();
    slot_ = outer_;
  }
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;

 private:
  friend class SpanMark;
  friend class SpanList;

  void tell_begin() noexcept;
  void tell_end() noexcept;

  std::string_view name_;
  std::string_view detail_;
  const void*& slot_;  // of its strand, or of the CPU
  const Span* outer_;
  const InnerSpan* inner_;
  uint64_t begin_ns_ = 0;  // if its begin was told
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

// Whether the running strand, or the CPU outside of strands, is in a span of that name, and of that detail unless it is empty.
[[nodiscard]] bool is_in_span(std::string_view name, std::string_view detail) noexcept;

// The running strand's spans, or the CPU's outside of strands: outermost first, each as "name{detail}: ".
void describe_spans(FormatSink& sink);
// Those of a strand that does not run.
void describe_spans_of(FormatSink& sink, coro::Strand& strand);

}  // namespace nacre::trace
