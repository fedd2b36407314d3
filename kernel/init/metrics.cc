// The kernel's metrics that are readings of what its parts keep anyway. (A part that counts for the metrics' sake has its
// counter itself.)
#include "metrics.hh"

#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/trace/log.hh"
#include "nacre/kernel/trace/metrics.hh"

namespace nacre::init {

using trace::Reading;
using Kind = trace::Metric::Kind;

namespace {

using exec::Executor;
using Statistics = Executor::Statistics;

// Over all executors; each number as it was at some moment.
uint64_t sum(uint64_t Statistics::* number) {
  const exec::Group& group = exec::executors();
  uint64_t sum = 0;
  for (uint32_t cpu = 0; cpu < group.size(); ++cpu) {
    if (const Executor* executor = group.find(CpuId{cpu})) sum += executor->statistics().*number;
  }
  return sum;
}

}  // namespace

void start_metrics() {
  static const Reading uptime("nacre_uptime_ns", "Time since power-on", Kind::Gauge,
                              [] { return arch::now_ns(); });
  static const Reading cpus("nacre_cpus", "CPUs of the machine", Kind::Gauge,
                            [] { return uint64_t{arch::cpu_features().cpu_count}; });
  static const Reading frames("nacre_frames", "Page frames that the kernel manages", Kind::Gauge,
                              [] { return mm::frames().counts().total; });
  static const Reading frames_used("nacre_frames_used", "Page frames in use", Kind::Gauge,
                                   [] { return mm::frames().counts().used(); });
  static const Reading heap_slabs("nacre_heap_slab_bytes", "Memory of the heap's slabs",
                                  Kind::Gauge, [] { return mm::heap().statistics().slab_bytes; });
  static const Reading heap_large("nacre_heap_large_bytes", "Large allocations of the heap",
                                  Kind::Gauge, [] { return mm::heap().statistics().large_bytes; });
  static const Reading heap_objects("nacre_heap_objects",
                                    "Objects of the heap, in use or in a CPU's list", Kind::Gauge,
                                    [] { return mm::heap().statistics().objects; });
  static const Reading log_lost(
      "nacre_log_lost_lines", "Log lines that found no room", Kind::Counter, [] {
        uint64_t lost = 0;
        for (uint32_t cpu = 0; cpu < arch::cpu_features().cpu_count; ++cpu)
          lost += trace::lost_lines(CpuId{cpu});
        return lost;
      });
  static const Reading resumed("nacre_exec_resumed", "Coroutines that executors resumed",
                               Kind::Counter, [] { return sum(&Statistics::resumed); });
  static const Reading stolen("nacre_exec_stolen", "Strands that executors took from others",
                              Kind::Counter, [] { return sum(&Statistics::stolen); });
  static const Reading waits("nacre_exec_waits", "Times that an executor had nothing to do",
                             Kind::Counter, [] { return sum(&Statistics::waits); });
}

}  // namespace nacre::init
