// Which log lines are shown: "info", or a default and exceptions, "warn,mm=trace,exec=off". From the boot argument `log`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

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

  // The most detailed level that is shown for a target. The last rule that names it decides.
  [[nodiscard]] Level level_for(std::string_view target) const;

 private:
  struct Rule {
    std::array<char, kMaxTarget + 1> target{};
    uint8_t length = 0;
    Level level = Level::Off;
  };

  std::array<Rule, kMaxRules> rules_{};
  size_t count_ = 0;
  Level default_ = Level::Info;
};

}  // namespace nacre::trace
