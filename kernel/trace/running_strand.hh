// The task that a report is about.
#pragma once

#include "nacre/base/coro/scheduler.hh"

namespace nacre::trace {

// nullptr outside of strands.
[[nodiscard]] inline coro::Strand* running_strand() noexcept {
  coro::Scheduler* const scheduler = coro::Scheduler::current_or_null();
  return scheduler == nullptr ? nullptr : scheduler->running();
}

}  // namespace nacre::trace
