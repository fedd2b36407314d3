// Kernel bugs. A failed operation is a Result, a guest's fault is a Trap; only a broken invariant of our own
// reaches panic(). In the kernel it prints a backtrace and unwinds to the nearest boundary (kernel/trace); in
// host programs it prints and aborts.
#pragma once

#include <source_location>
#include <string_view>

namespace nacre {

[[noreturn]] void panic(std::string_view message,
                        std::source_location where = std::source_location::current());

}  // namespace nacre

// Always on. One fact per assertion.
#define ASSERT(condition)                              \
  do {                                                 \
    if (!(condition)) [[unlikely]] {                   \
      ::nacre::panic("assertion failed: " #condition); \
    }                                                  \
  } while (false)

// On hot paths: only in builds without NDEBUG.
#ifdef NDEBUG
#define DEBUG_ASSERT(condition) \
  do {                          \
    (void)sizeof(condition);    \
  } while (false)
#else
#define DEBUG_ASSERT(condition) ASSERT(condition)
#endif
