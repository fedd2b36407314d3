// Readings of the machine, the memory and the log, for kernel/trace/metrics.hh.
#pragma once

namespace nacre::init {

// Once, on the boot CPU, when there is memory.
void start_metrics();

}  // namespace nacre::init
