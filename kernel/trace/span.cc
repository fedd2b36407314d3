#include "nacre/kernel/trace/span.hh"

#include <array>

#include "nacre/base/coro/scheduler.hh"
#include "running_strand.hh"

namespace nacre::trace {
namespace {

// Outside of strands.
constinit thread_local const void* t_innermost = nullptr;

const void*& current_slot() noexcept {
  coro::Strand* const strand = running_strand();
  return strand == nullptr ? t_innermost : strand->context();
}

constexpr size_t kMaxDepth = 8;

}  // namespace

Span::Span(std::string_view name, std::string_view detail) noexcept
    : name_(name), detail_(detail), slot_(current_slot()), outer_(static_cast<const Span*>(slot_)) {
  slot_ = this;
}

Span::~Span() {
  slot_ = outer_;
}

SpanMark::SpanMark() noexcept : slot_(current_slot()), innermost_(slot_) {}

void SpanMark::restore() const noexcept {
  slot_ = innermost_;
}

void describe_spans(FormatSink& sink) {
  std::array<const Span*, kMaxDepth> spans;
  size_t depth = 0;
  for (const auto* span = static_cast<const Span*>(current_slot());
       span != nullptr && depth < kMaxDepth; span = span->outer_) {
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
