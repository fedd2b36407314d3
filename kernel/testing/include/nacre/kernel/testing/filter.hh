// Which tests run: patterns separated by commas, each with '*' for any text; one that begins with '-' takes tests away.
// "mm.*,-mm.stress_*" is all of mm but two or three. A pattern without '.' and '*' is a suite's name.
#pragma once

#include <string_view>

namespace nacre::testing {

// Empty, or only exclusions: everything else.
[[nodiscard]] bool filter_accepts(std::string_view filter, std::string_view name);

}  // namespace nacre::testing
