// The kernel's metrics that are readings of what its parts keep anyway. (A part that counts for the metrics' sake has its
// counter itself.)
#include "metrics.hh"

#include <bit>
#include <string_view>
#include <utility>

#include "nacre/base/core/format.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/cpus.hh"
#include "nacre/kernel/arch/interrupts.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/machine/interrupts.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/trace/log.hh"
#include "nacre/kernel/trace/metrics.hh"

namespace nacre::init {

using trace::Reading;
using trace::Readings;
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

uint32_t cpu_count() {
  return static_cast<uint32_t>(std::bit_width(arch::running_cpus()));
}

void read_interrupts(const Readings::Samples& samples) {
  using arch::InterruptSource;
  constexpr std::pair<InterruptSource, std::string_view> kKinds[] = {
      {InterruptSource::External, "external"},
      {InterruptSource::Software, "software"},
      {InterruptSource::Timer, "timer"}};
  for (uint32_t cpu = 0; cpu < cpu_count(); ++cpu) {
    for (const auto& [source, kind] : kKinds) {
      samples.add(format("cpu=\"{}\",kind=\"{}\"", cpu, kind),
                  arch::interrupts_served(CpuId{cpu}, source));
    }
  }
}

void read_pokes(const Readings::Samples& samples) {
  const dev::InterruptController* const controller = machine::interrupt_controller();
  for (uint32_t cpu = 0; cpu < cpu_count(); ++cpu) {
    samples.add(format("cpu=\"{}\"", cpu),
                controller == nullptr ? 0 : controller->pokes(CpuId{cpu}));
  }
}

void read_device_interrupts(const Readings::Samples& samples) {
  const dev::InterruptController* const controller = machine::interrupt_controller();
  if (controller == nullptr) return;
  for (uint32_t source = 1; source <= controller->sources(); ++source) {
    const uint64_t count = controller->handled(source);
    if (count == 0 && !controller->target(source)) continue;
    samples.add(format("source=\"{}\"", source), count);
  }
}

uint64_t ask_controller(uint64_t (dev::InterruptController::*count)() const noexcept) {
  const dev::InterruptController* const controller = machine::interrupt_controller();
  return controller == nullptr ? 0 : (controller->*count)();
}

void start_interrupt_metrics() {
  static const Readings interrupts("nacre_interrupts", "Interrupts that CPUs served", Kind::Counter,
                                   read_interrupts);
  static const Readings pokes("nacre_interrupts_pokes",
                              "External interrupts that were sent by other CPUs", Kind::Counter,
                              read_pokes);
  static const Readings devices("nacre_interrupts_device", "Interrupts of each source in use",
                                Kind::Counter, read_device_interrupts);
  static const Reading spurious("nacre_interrupts_spurious",
                                "Interrupts that nobody wanted or that were gone", Kind::Counter,
                                [] { return ask_controller(&dev::InterruptController::spurious); });
  static const Reading storms("nacre_interrupts_storms", "Sources masked since they did not cease",
                              Kind::Counter,
                              [] { return ask_controller(&dev::InterruptController::storms); });
}

}  // namespace

void start_metrics() {
  start_interrupt_metrics();
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
