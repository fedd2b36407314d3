// The atomics that this folder's lock-free parts are made of: the standard's, or, in the exhaustive interleaving tests
// (NACRE_MODEL), those of base/model, which let a test try every order in which CPUs may see each other's accesses.
#pragma once

#ifdef NACRE_MODEL
#include "nacre/base/model/atomic.hh"
#else
#include <atomic>
#endif

namespace nacre::coro {

#ifdef NACRE_MODEL

using model::Atomic;
using model::fence_seq_cst;
using model::spin_hint;

#else

template <class T>
using Atomic = std::atomic<T>;

inline void fence_seq_cst() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}
// In the body of a loop that waits for another CPU, for some instructions.
inline void spin_hint() noexcept {}

#endif

}  // namespace nacre::coro
