#include "nacre/base/core/format.hh"

#include <algorithm>

namespace nacre::format_detail {
namespace {

void pad(FormatSink& sink, size_t count, char fill) {
  for (size_t i = 0; i < count; ++i) sink.write(std::string_view(&fill, 1));
}

size_t padding(size_t length, FormatSpec spec) {
  return spec.width > length ? spec.width - length : 0;
}

// Parses what stands between ':' and '}' of a placeholder. Unknown characters are ignored.
FormatSpec parse_spec(std::string_view text) {
  FormatSpec spec;
  for (char c : text) {
    if (c == '<') {
      spec.left_align = true;
    } else if (c == 'x') {
      spec.hexadecimal = true;
    } else if (c == '0' && spec.width == 0) {
      spec.zero_pad = true;
    } else if (c >= '0' && c <= '9') {
      spec.width = static_cast<uint8_t>(spec.width * 10 + (c - '0'));
    }
  }
  return spec;
}

}  // namespace

void print_unsigned(FormatSink& sink, uint64_t value, bool negative, FormatSpec spec) {
  char digits[24];
  char* const end = digits + sizeof digits;
  char* first = end;
  const uint64_t base = spec.hexadecimal ? 16 : 10;
  do {
    *--first = "0123456789abcdef"[value % base];
    value /= base;
  } while (value != 0);
  const size_t length = static_cast<size_t>(end - first) + (negative ? 1 : 0);
  const size_t fill = padding(length, spec);
  if (!spec.left_align && !spec.zero_pad) pad(sink, fill, ' ');
  if (negative) sink.write("-");
  if (!spec.left_align && spec.zero_pad) pad(sink, fill, '0');
  sink.write(std::string_view(first, end));
  if (spec.left_align) pad(sink, fill, ' ');
}

void print_text(FormatSink& sink, std::string_view text, FormatSpec spec) {
  const size_t fill = padding(text.size(), spec);
  if (!spec.left_align) pad(sink, fill, ' ');
  sink.write(text);
  if (spec.left_align) pad(sink, fill, ' ');
}

void vformat(FormatSink& sink, std::string_view text, std::span<const Argument> arguments) {
  size_t next = 0;
  while (!text.empty()) {
    const size_t open = text.find_first_of("{}");
    sink.write(text.substr(0, open));
    if (open == std::string_view::npos) return;
    text.remove_prefix(open);
    if (text.size() >= 2 && text[1] == text[0]) {  // "{{" and "}}"
      sink.write(text.substr(0, 1));
      text.remove_prefix(2);
      continue;
    }
    const size_t close = text[0] == '{' ? text.find('}') : std::string_view::npos;
    if (close == std::string_view::npos || next == arguments.size()) {
      const size_t shown = close == std::string_view::npos ? 1 : close + 1;
      sink.write(text.substr(0, shown));
      text.remove_prefix(shown);
      continue;
    }
    const Argument& argument = arguments[next++];
    argument.print(sink, argument.value, parse_spec(text.substr(1, close - 1)));
    text.remove_prefix(close + 1);
  }
}

}  // namespace nacre::format_detail
