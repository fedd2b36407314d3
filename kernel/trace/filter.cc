#include "nacre/kernel/trace/filter.hh"

#include <algorithm>
#include <span>

namespace nacre::trace {
namespace {

constexpr std::array<std::string_view, 6> kNames = {"off",  "error", "warn",
                                                    "info", "debug", "trace"};

// "exec" covers "exec" and "exec::timer".
bool covers(std::string_view rule, std::string_view target) {
  if (!target.starts_with(rule)) return false;
  return target.size() == rule.size() || target.substr(rule.size()).starts_with("::");
}

}  // namespace

std::string_view name_of(Level level) {
  return kNames[static_cast<size_t>(level)];
}

std::optional<Level> parse_level(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Level>(found - kNames.begin());
}

std::optional<Filter> Filter::parse(std::string_view text) {
  Filter filter;
  while (!text.empty()) {
    const size_t end = std::min(text.find(','), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t equals = word.find('=');
    const auto level =
        parse_level(equals == std::string_view::npos ? word : word.substr(equals + 1));
    if (!level) return std::nullopt;
    if (equals == std::string_view::npos) {
      filter.default_ = *level;
      continue;
    }
    if (equals == 0 || equals > kMaxTarget || filter.count_ == kMaxRules) return std::nullopt;
    Rule& rule = filter.rules_[filter.count_++];
    word.copy(rule.target.data(), equals);
    rule.length = static_cast<uint8_t>(equals);
    rule.level = *level;
  }
  return filter;
}

Level Filter::level_for(std::string_view target) const {
  const Rule* best = nullptr;
  for (const Rule& rule : std::span(rules_).first(count_)) {
    if (!covers(rule.name(), target)) continue;
    if (best == nullptr || rule.length >= best->length) best = &rule;
  }
  return best == nullptr ? default_ : best->level;
}

void Filter::describe(FormatSink& sink) const {
  sink.write(name_of(default_));
  for (const Rule& rule : std::span(rules_).first(count_)) {
    format_to(sink, ",{}={}", rule.name(), name_of(rule.level));
  }
}

}  // namespace nacre::trace
