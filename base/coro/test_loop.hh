// A scheduler with a clock that jumps to the next deadline when nothing is ready.
#pragma once

#include <cstdint>

#include "nacre/base/coro/scheduler.hh"

namespace nacre::coro {

struct TestLoop {
  Scheduler scheduler;
  uint64_t now_ns = 0;

  // Until nothing is ready and no deadline is left.
  void run() {
    while (true) {
      if (scheduler.run_ready(7) != 0) continue;
      const uint64_t next = scheduler.timers().next_deadline_ns();
      if (next == kNever) return;
      now_ns = next > now_ns ? next : now_ns;
      scheduler.timers().expire(now_ns);
    }
  }
};

}  // namespace nacre::coro
