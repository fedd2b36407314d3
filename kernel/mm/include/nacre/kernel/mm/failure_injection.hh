// Makes chosen allocations fail, so that tests see what happens when memory runs out at any one place.
//
// Counted are the requests to a FrameAllocator and to a Heap, from 0 on; an object for which the heap needs a slab is two of
// them. A heap that is initialised while injection is on caches nothing, so that every object counts. Off it costs a load and
// a branch on the slow paths.
#pragma once

#include <atomic>
#include <cstdint>

namespace nacre::mm {

// From here on requests are counted; `count` of them, from number `index` on, fail. Set it up while one CPU runs.
void inject_failure_at(uint64_t index, uint64_t count = 1) noexcept;
// Everything succeeds again; returns how many requests there were.
uint64_t stop_injecting_failures() noexcept;

namespace detail {
inline constinit std::atomic<bool> g_injecting{false};
[[nodiscard]] bool next_request_fails() noexcept;
}  // namespace detail

[[nodiscard]] inline bool is_injecting_failures() noexcept {
  return detail::g_injecting.load(std::memory_order_relaxed);
}
// For allocators: counts a request and says whether it is to fail.
[[nodiscard, gnu::always_inline]] inline bool request_fails() noexcept {
  return is_injecting_failures() && detail::next_request_fails();
}

}  // namespace nacre::mm
