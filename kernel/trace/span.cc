#include "nacre/kernel/trace/span.hh"

#include <array>

#include "nacre/base/coro/scheduler.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/trace/log.hh"
#include "running_strand.hh"

namespace nacre::trace {
namespace {

constinit Logger log_span(kSpanTarget);

// Outside of strands.
constinit thread_local const void* t_innermost = nullptr;

const void*& current_slot() noexcept {
  coro::Strand* const strand = running_strand();
  return strand == nullptr ? t_innermost : strand->context();
}

void describe(FormatSink& sink, std::string_view name, std::string_view detail) {
  sink.write(name);
  if (!detail.empty()) format_to(sink, "{{{}}}", detail);
  sink.write(": ");
}

bool fits(std::string_view name, std::string_view detail, std::string_view wanted_name,
          std::string_view wanted_detail) {
  return name == wanted_name && (wanted_detail.empty() || detail == wanted_detail);
}

constexpr size_t kMaxDepth = 8;

}  // namespace

constinit std::atomic<bool> detail::g_spans_are_told{false};

// The spans of one slot, from the inside out.
class SpanList {
 public:
  explicit SpanList(const void* innermost) : innermost_(static_cast<const Span*>(innermost)) {}

  [[nodiscard]] bool contains(std::string_view name, std::string_view detail) const noexcept {
    for (const Span* span = innermost_; span != nullptr; span = span->outer_) {
      if (fits(span->name_, span->detail_, name, detail)) return true;
      const auto inner = inner_of(*span);
      if (inner && fits(inner->name, inner->detail, name, detail)) return true;
    }
    return false;
  }
  // The innermost kMaxDepth.
  void describe_all(FormatSink& sink) const {
    std::array<const Span*, kMaxDepth> spans;
    size_t depth = 0;
    for (const Span* span = innermost_; span != nullptr && depth < kMaxDepth; span = span->outer_)
      spans[depth++] = span;
    while (depth > 0) {
      const Span& span = *spans[--depth];
      describe(sink, span.name_, span.detail_);
      if (const auto inner = inner_of(span)) describe(sink, inner->name, inner->detail);
    }
  }

 private:
  static std::optional<InnerSpan::Text> inner_of(const Span& span) noexcept {
    return span.inner_ == nullptr ? std::nullopt : span.inner_->current();
  }

  const Span* innermost_;
};

Span::Span(std::string_view name, std::string_view detail, const InnerSpan* inner) noexcept
    : name_(name),
      detail_(detail),
      slot_(current_slot()),
      outer_(static_cast<const Span*>(slot_)),
      inner_(inner) {
  slot_ = this;
  if (detail::g_spans_are_told.load(std::memory_order_relaxed)) [[unlikely]]
    tell_begin();
}

void Span::tell_begin() noexcept {
  if (!log_span.shows(Level::Trace)) return;
  begin_ns_ = arch::now_ns();
  log_span.trace("begins");
}

void Span::tell_end() noexcept {
  const uint64_t us = (arch::now_ns() - begin_ns_) / 1000;
  if (&slot_ == &current_slot()) {
    log_span.trace("ends after {} us", us);
  } else {
    // Its strand was cancelled by another one, whose spans this line has.
    log_span.trace("{} of another task ends after {} us", name_, us);
  }
}

SpanMark::SpanMark() noexcept : slot_(current_slot()), innermost_(slot_) {}

void SpanMark::restore() const noexcept {
  slot_ = innermost_;
}

bool is_in_span(std::string_view name, std::string_view detail) noexcept {
  return SpanList(current_slot()).contains(name, detail);
}

void describe_spans(FormatSink& sink) {
  SpanList(current_slot()).describe_all(sink);
}

void describe_spans_of(FormatSink& sink, coro::Strand& strand) {
  SpanList(strand.context()).describe_all(sink);
}

}  // namespace nacre::trace
