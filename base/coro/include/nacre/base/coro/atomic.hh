// The atomics that this folder's lock-free parts are made of.
#pragma once

#include <atomic>

namespace nacre::coro {

template <class T>
using Atomic = std::atomic<T>;

inline void fence_seq_cst() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}
// In the body of a loop that waits for another CPU, for some instructions.
inline void spin_hint() noexcept {}

}  // namespace nacre::coro
