#include "nacre/kernel/trace/span.hh"

#include <array>

namespace nacre::trace {
namespace {

constinit thread_local const Span* t_innermost = nullptr;

constexpr size_t kMaxDepth = 8;

}  // namespace

Span::Span(std::string_view name, std::string_view detail) noexcept
    : name_(name), detail_(detail), outer_(t_innermost) {
  t_innermost = this;
}

Span::~Span() {
  t_innermost = outer_;
}

SpanMark::SpanMark() noexcept : innermost_(t_innermost) {}

void SpanMark::restore() const noexcept {
  t_innermost = innermost_;
}

void describe_spans(FormatSink& sink) {
  std::array<const Span*, kMaxDepth> spans;
  size_t depth = 0;
  for (const Span* span = t_innermost; span != nullptr && depth < kMaxDepth; span = span->outer_) {
    spans[depth++] = span;
  }
  while (depth > 0) {
    const Span& span = *spans[--depth];
    sink.write(span.name_);
    if (!span.detail_.empty()) format_to(sink, "{{{}}}", span.detail_);
    sink.write(": ");
  }
}

}  // namespace nacre::trace
