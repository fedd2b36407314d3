#include "nacre/kernel/trace/filter.hh"

namespace nacre::trace {
namespace {

constexpr std::array<std::string_view, 6> kNames = {"off",  "error", "warn",
                                                    "info", "debug", "trace"};

}  // namespace

std::string_view name_of(Level level) {
  return kNames[static_cast<size_t>(level)];
}

std::optional<Level> parse_level(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Level>(found - kNames.begin());
}

// Takes the text from left to right; `position_` is where the next token begins.
class Filter::Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::expected<Filter, FilterError> run() {
    if (text_.empty()) return filter_;
    for (;;) {
      if (const auto error = take_rule()) return std::unexpected(*error);
      if (position_ == text_.size()) return filter_;
      ++position_;  // the comma
    }
  }

 private:
  using Problem = std::optional<FilterError>;

  [[nodiscard]] static FilterError error_at(size_t position, std::string_view what) {
    return {position + 1, what};
  }
  // What lies before the next of these characters, or the rest.
  std::string_view take_until(std::string_view ends) {
    const size_t begin = position_;
    position_ = std::min(text_.find_first_of(ends, begin), text_.size());
    return text_.substr(begin, position_ - begin);
  }
  [[nodiscard]] bool is_at(char c) const {
    return position_ < text_.size() && text_[position_] == c;
  }

  Problem take_rule() {
    const size_t begin = position_;
    const std::string_view target = take_until("=[,");
    if (!is_at('=') && !is_at('[')) {
      const auto level = parse_level(target);
      if (!level) return error_at(begin, target.empty() ? kNoRule : kNoLevel);
      filter_.default_ = *level;
      return {};
    }
    if (filter_.count_ == kMaxRules) return error_at(begin, "more than 16 rules");
    if (target.size() > kMaxTarget) return error_at(begin, "a target has at most 23 characters");
    Rule& rule = filter_.rules_[filter_.count_++];
    rule.target_size = static_cast<uint8_t>(target.copy(rule.text.data(), kMaxTarget));
    if (is_at('[')) {
      if (const auto error = take_span(rule)) return error;
    } else if (target.empty()) {
      return error_at(begin, "a target or a [span] is missing before '='");
    }
    if (!is_at('=')) return error_at(position_, "'=' and a level are missing");
    const size_t level_begin = ++position_;
    const auto level = parse_level(take_until(","));
    if (!level) return error_at(level_begin, kNoLevel);
    rule.level = *level;
    return {};
  }

  Problem take_span(Rule& rule) {
    const size_t begin = position_++;
    const size_t end = text_.find(']', begin);
    if (end == std::string_view::npos) return error_at(begin, "'[' without ']'");
    std::string_view name = text_.substr(position_, end - position_);
    std::string_view detail;
    if (const size_t brace = name.find('{'); brace != std::string_view::npos) {
      if (!name.ends_with('}')) return error_at(position_ + brace, "'{' without '}' before ']'");
      detail = name.substr(brace + 1, name.size() - brace - 2);
      if (detail.empty()) return error_at(position_ + brace, "nothing between '{' and '}'");
      name = name.substr(0, brace);
    }
    if (name.empty()) return error_at(position_, "the span's name is missing");
    if (name.size() + detail.size() > kMaxSpan)
      return error_at(position_, "a span's name and detail have at most 40 characters together");
    char* const to = rule.text.data() + rule.target_size;
    rule.name_size = static_cast<uint8_t>(name.copy(to, kMaxSpan));
    rule.detail_size = static_cast<uint8_t>(detail.copy(to + rule.name_size, kMaxSpan));
    position_ = end + 1;
    return {};
  }

  static constexpr std::string_view kNoRule = "a rule is missing";
  static constexpr std::string_view kNoLevel =
      "not a level (off, error, warn, info, debug or trace)";

  std::string_view text_;
  size_t position_ = 0;
  Filter filter_;
};

std::expected<Filter, FilterError> Filter::parse(std::string_view text) {
  return Parser(text).run();
}

// "exec" covers "exec" and "exec::timer"; nothing covers all.
bool Filter::covers(std::string_view rule, std::string_view target) {
  if (rule.empty()) return true;
  if (!target.starts_with(rule)) return false;
  return target.size() == rule.size() || target.substr(rule.size()).starts_with("::");
}

Filter::Bounds Filter::bounds_for(std::string_view target) const {
  Bounds bounds{level_for(target), false};
  for (const Rule& rule : std::span(rules_).first(count_)) {
    if (rule.name_size == 0 || !covers(rule.target(), target)) continue;
    bounds.depends_on_spans = true;
    bounds.most = std::max(bounds.most, rule.level);
  }
  return bounds;
}

void Filter::describe(FormatSink& sink) const {
  sink.write(name_of(default_));
  for (const Rule& rule : std::span(rules_).first(count_)) {
    format_to(sink, ",{}", rule.target());
    if (rule.name_size != 0) format_to(sink, "[{}", rule.name());
    if (rule.detail_size != 0) format_to(sink, "{{{}}}", rule.detail());
    if (rule.name_size != 0) sink.write("]");
    format_to(sink, "={}", name_of(rule.level));
  }
}

}  // namespace nacre::trace
