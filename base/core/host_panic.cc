#include <cstdio>
#include <cstdlib>

#include "nacre/base/core/panic.hh"

namespace nacre {

void panic(std::string_view message, std::source_location where) {
  std::fprintf(stderr, "panic: %.*s at %s:%u in %s\n", static_cast<int>(message.size()),
               message.data(), where.file_name(), where.line(), where.function_name());
  std::abort();
}

}  // namespace nacre
