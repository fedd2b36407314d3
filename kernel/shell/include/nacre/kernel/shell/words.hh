// A command line as words: separated by blanks; quotes, single or double, keep blanks in a word, a backslash keeps the next
// character.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/core/error.hh"

namespace nacre::shell {

// InvalidArgument for a quote that does not end.
[[nodiscard]] Result<std::vector<std::string>> split_words(std::string_view line);

}  // namespace nacre::shell
