#include "nacre/base/fdt/boot_arguments.hh"

#include <algorithm>

namespace nacre::fdt {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

}  // namespace

BootArguments BootArguments::of(const Tree& tree) {
  const auto chosen = tree.find("/chosen");
  const auto text = chosen ? chosen->property("bootargs") : std::nullopt;
  return text ? BootArguments(text->as_string()) : BootArguments();
}

std::optional<BootArgument> BootArguments::next(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlank), rest.size()));
  if (rest.empty()) return std::nullopt;
  BootArgument argument;
  const size_t key_end = std::min(rest.find_first_of(" \t\r\n="), rest.size());
  argument.key = rest.substr(0, key_end);
  rest.remove_prefix(key_end);
  if (!rest.starts_with('=')) return argument;
  rest.remove_prefix(1);
  const bool quoted = rest.starts_with('"');
  if (quoted) rest.remove_prefix(1);
  const size_t end = std::min(quoted ? rest.find('"') : rest.find_first_of(kBlank), rest.size());
  argument.value = rest.substr(0, end);
  rest.remove_prefix(std::min(end + (quoted ? 1 : 0), rest.size()));
  return argument;
}

std::optional<std::string_view> BootArguments::value(std::string_view key) const {
  std::optional<std::string_view> found;
  for_each([&](const BootArgument& argument) {
    if (argument.key == key) found = argument.value;
  });
  return found;
}

std::optional<uint64_t> BootArguments::number(std::string_view key) const {
  std::string_view digits = value(key).value_or("");
  uint64_t factor = 1;
  if (digits.ends_with('K')) factor = uint64_t{1} << 10;
  if (digits.ends_with('M')) factor = uint64_t{1} << 20;
  if (digits.ends_with('G')) factor = uint64_t{1} << 30;
  if (factor != 1) digits.remove_suffix(1);
  if (digits.empty()) return std::nullopt;
  uint64_t number = 0;
  for (char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    if (__builtin_mul_overflow(number, 10, &number)) return std::nullopt;
    if (__builtin_add_overflow(number, static_cast<uint64_t>(c - '0'), &number))
      return std::nullopt;
  }
  if (__builtin_mul_overflow(number, factor, &number)) return std::nullopt;
  return number;
}

}  // namespace nacre::fdt
