// The kernel's command line (/chosen/bootargs): words separated by white space, each "key" or
// "key=value". A value in double quotes may hold white space: init="a b". Of a repeated key the
// last one counts.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "nacre/base/fdt/tree.hh"

namespace nacre::fdt {

struct BootArgument {
  std::string_view key;
  std::string_view value;  // empty without '='
};

// Borrows the text.
class BootArguments {
 public:
  BootArguments() = default;
  explicit BootArguments(std::string_view text) : text_(text) {}
  // Of a tree; empty if it has none.
  static BootArguments of(const Tree& tree);

  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] std::optional<std::string_view> value(std::string_view key) const;
  [[nodiscard]] bool has(std::string_view key) const { return value(key).has_value(); }
  // Decimal, with an optional suffix K, M or G (powers of 1024). Nothing if absent or anything
  // else.
  [[nodiscard]] std::optional<uint64_t> number(std::string_view key) const;

  // Calls visit(const BootArgument&) for every word, in order.
  template <class Visitor>
  void for_each(Visitor&& visitor) const {
    std::string_view rest = text_;
    while (const auto argument = next(rest)) visitor(*argument);
  }

 private:
  // Takes the first word off `rest`.
  [[nodiscard]] static std::optional<BootArgument> next(std::string_view& rest);

  std::string_view text_;
};

}  // namespace nacre::fdt
