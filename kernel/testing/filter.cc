#include "nacre/kernel/testing/filter.hh"

#include <algorithm>
#include <cstddef>

namespace nacre::testing {
namespace {

// Whether the whole of `text` fits: on a mismatch the last '*' takes one character more.
bool matches(std::string_view pattern, std::string_view text) {
  size_t p = 0;
  size_t t = 0;
  size_t star = std::string_view::npos;
  size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool names(std::string_view pattern, std::string_view name) {
  if (matches(pattern, name)) return true;
  return pattern.find_first_of(".*") == std::string_view::npos &&
         name.substr(0, name.find('.')) == pattern;
}

}  // namespace

bool filter_accepts(std::string_view filter, std::string_view name) {
  bool any_inclusion = false;
  bool included = false;
  while (!filter.empty()) {
    const size_t end = std::min(filter.find(','), filter.size());
    std::string_view pattern = filter.substr(0, end);
    filter.remove_prefix(std::min(end + 1, filter.size()));
    if (pattern.starts_with('-')) {
      if (names(pattern.substr(1), name)) return false;
    } else if (!pattern.empty()) {
      any_inclusion = true;
      included = included || names(pattern, name);
    }
  }
  return included || !any_inclusion;
}

}  // namespace nacre::testing
