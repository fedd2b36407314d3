// Which scheduler runs on this CPU, and the short way into its queue. Not for coroutines: the address of a thread-local must
// not outlive a suspension, so they ask through functions (Scheduler::current).
#pragma once

#include "nacre/base/coro/scheduler.hh"

namespace nacre::coro {

#ifdef NACRE_MODEL
inline constinit model::Local<Scheduler*> t_current;
inline Scheduler*& current_slot() noexcept {
  return t_current.get();
}
#else
inline constinit thread_local Scheduler* t_current = nullptr;
inline Scheduler*& current_slot() noexcept {
  return t_current;
}
#endif

// For those who need no stack unless they fail: compiled elsewhere, so that they are gone to and not called.
void throw_no_frame();
void panic_outside();

// Here the first may be put where no other CPU looks.
inline void Scheduler::enqueue_from(Scheduler* caller, Strand& strand,
                                    Placement placement) noexcept {
  const bool local = caller == this;
  if (local && placement == Placement::Pinned && !has_ready()) {
    first_.store(&strand, std::memory_order_relaxed);
  } else {
    append(strand, local);
  }
}

}  // namespace nacre::coro
