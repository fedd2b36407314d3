// Readable names for backtraces. Knows the common half of the Itanium C++ ABI's mangling: (nested) names, without
// template arguments and parameter types. Anything else stays as it is.
#pragma once

#include <span>
#include <string_view>

namespace nacre::trace {

// "_ZN5nacre2mm4Heap8allocateEm" → "nacre::mm::Heap::allocate". The result lies in `buffer` or is `name` itself; a name
// too long for the buffer stays mangled.
[[nodiscard]] std::string_view demangle(std::string_view name, std::span<char> buffer);

}  // namespace nacre::trace
