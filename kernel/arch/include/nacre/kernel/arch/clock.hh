// The machine's clock and the current CPU's timer. One clock for all CPUs; it starts near 0 at
// power-on.
#pragma once

#include <cstdint>

namespace nacre::arch {

[[nodiscard]] uint64_t now_ticks();
[[nodiscard]] uint64_t ticks_per_second();
[[nodiscard]] uint64_t ticks_to_ns(uint64_t ticks);
[[nodiscard]] uint64_t now_ns();

// The timer interrupt of this CPU becomes pending when now_ns() ≥ deadline_ns, and stays so until
// the next call. One deadline at a time; it needs enable_source(Timer) to be noticed.
void set_timer_deadline(uint64_t deadline_ns);
// Nothing pending, no deadline.
void cancel_timer();

}  // namespace nacre::arch
