// Which log lines are shown: "info", or a default and exceptions, "warn,mm=trace,exec::timer=off". From the boot argument `log`;
// the shell changes it while the system runs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "nacre/base/core/format.hh"

namespace nacre::trace {

// Each includes those before it.
enum class Level : uint8_t { Off, Error, Warn, Info, Debug, Trace };
[[nodiscard]] std::string_view name_of(Level level);
[[nodiscard]] std::optional<Level> parse_level(std::string_view name);

class Filter {
 public:
  static constexpr size_t kMaxRules = 16;
  static constexpr size_t kMaxTarget = 23;

  constexpr Filter() = default;

  // Nothing if a word is no level, a target is empty or too long, or there are too many rules. The text is copied.
  [[nodiscard]] static std::optional<Filter> parse(std::string_view text);

  // The most detailed level that is shown for a target. A rule covers a target and
  // all below it ("exec" covers "exec::timer"); the longest rule decides, of equal ones the last.
  [[nodiscard]] Level level_for(std::string_view target) const;
  // The text that parse() makes this filter of.
  void describe(FormatSink& sink) const;

 private:
  struct Rule {
    std::array<char, kMaxTarget + 1> target{};
    uint8_t length = 0;
    Level level = Level::Off;
    [[nodiscard]] std::string_view name() const { return {target.data(), length}; }
  };

  std::array<Rule, kMaxRules> rules_{};
  size_t count_ = 0;
  Level default_ = Level::Info;
};

}  // namespace nacre::trace
