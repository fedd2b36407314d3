// Which log lines are shown: a default and exceptions, "warn,mm=trace,exec::timer=off,[compile]=debug". From the boot argument
// `log`; the shell changes it while the system runs.
//
//   filter = rule { "," rule }
//   rule   = LEVEL | scope "=" LEVEL            LEVEL: off, error, warn, info, debug, trace
//   scope  = TARGET | TARGET "[" span "]" | "[" span "]"
//   span   = NAME | NAME "{" DETAIL "}"
//
// A rule covers a target and all below it ("exec" covers "exec::timer"), and with a span only what is logged inside a span of that
// name (and detail), at any depth. Of the rules that cover a line one with a span decides over one without, one with
// a detail over one without, then the one with the longer target, then the last.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

#include "nacre/base/core/format.hh"

namespace nacre::trace {

// Each includes those before it.
enum class Level : uint8_t { Off, Error, Warn, Info, Debug, Trace };
[[nodiscard]] std::string_view name_of(Level level);
[[nodiscard]] std::optional<Level> parse_level(std::string_view name);

// What is wrong with a filter's text. `column` counts from 1.
struct FilterError {
  size_t column;
  std::string_view what;
};

class Filter {
 public:
  static constexpr size_t kMaxRules = 16;
  static constexpr size_t kMaxTarget = 23;
  static constexpr size_t kMaxSpan = 40;  // name and detail together

  constexpr Filter() = default;

  // Empty text is the default filter. The text is copied.
  [[nodiscard]] static std::expected<Filter, FilterError> parse(std::string_view text);

  // The most detailed level that is shown for a target outside of all spans.
  [[nodiscard]] Level level_for(std::string_view target) const {
    return level_for(target, [](std::string_view, std::string_view) { return false; });
  }
  // The same inside the spans of which is_inside(name, detail) says yes; an empty detail stands for any.
  template <class IsInside>
  [[nodiscard]] Level level_for(std::string_view target, IsInside&& is_inside) const {
    const Rule* best = nullptr;
    for (const Rule& rule : std::span(rules_).first(count_)) {
      if (!covers(rule.target(), target) || (best != nullptr && rule.rank() < best->rank()))
        continue;
      if (rule.name().empty() || is_inside(rule.name(), rule.detail())) best = &rule;
    }
    return best == nullptr ? default_ : best->level;
  }
  // Whether the level of a target depends on the spans, and the most detailed that it can be.
  struct Bounds {
    Level most;
    bool depends_on_spans;
  };
  [[nodiscard]] Bounds bounds_for(std::string_view target) const;

  // The text that parse() makes this filter of.
  void describe(FormatSink& sink) const;

 private:
  struct Rule {
    std::array<char, kMaxTarget + kMaxSpan> text{};  // target, name, detail
    uint8_t target_size = 0;
    uint8_t name_size = 0;
    uint8_t detail_size = 0;
    Level level = Level::Off;

    [[nodiscard]] std::string_view target() const { return {text.data(), target_size}; }
    [[nodiscard]] std::string_view name() const { return {text.data() + target_size, name_size}; }
    [[nodiscard]] std::string_view detail() const {
      return {text.data() + target_size + name_size, detail_size};
    }
    // Higher decides.
    [[nodiscard]] uint32_t rank() const {
      return (name_size != 0 ? 0x200u : 0u) + (detail_size != 0 ? 0x100u : 0u) + target_size;
    }
  };
  class Parser;

  [[nodiscard]] static bool covers(std::string_view rule, std::string_view target);

  std::array<Rule, kMaxRules> rules_{};
  size_t count_ = 0;
  Level default_ = Level::Info;
};

}  // namespace nacre::trace
