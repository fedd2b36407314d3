#include "cpus.hh"

#include <atomic>
#include <bit>

#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/interrupts.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/trace/log.hh"
#include "nacre/kernel/trap/dispatch.hh"

namespace nacre::init {
namespace {

using arch::InterruptSource;

constinit trace::Logger log_init("init");

// Bit p: the CPU at place p has entered the kernel. Each release says that its CPU fetches nothing from the loader any
// more; wait_for_all acquires.
static_assert(abi::BootInfo::kMaxCpus <= 64);
constinit std::atomic<uint64_t> entered{1};
// Those of them that came in time. Written by CPU 0 before it releases the others.
constinit uint64_t present = 1;
// nullptr, then for ever the context. release_others releases, wait_for_release acquires.
constinit std::atomic<const BootContext*> released{nullptr};
// CPUs whose late phase is over, up to BootInfo::cpu_count.
constinit std::atomic<uint32_t> online{0};

constexpr uint64_t kPatienceNs = 1'000'000'000;

// CPUs that wait look at a condition first and then sleep with interrupts off: a wake in between stays pending.
template <class Condition>
void sleep_until(Condition condition) {
  arch::enable_source(InterruptSource::Software);
  while (!condition()) {
    arch::wait_for_interrupt();
    arch::clear_software_interrupt();
  }
  arch::clear_software_interrupt();
  arch::disable_source(InterruptSource::Software);
}

}  // namespace

void enter_cpu(const abi::BootInfo& info, size_t place) {
  arch::PerCpu& cpu = arch::this_cpu();
  const abi::BootCpu& boot = info.cpus[place];
  cpu.id = CpuId{static_cast<uint32_t>(place)};
  cpu.hart = HartId{boot.hart_id};
  const auto bounds = [](abi::Range stack) {
    return trap::StackBounds{stack.begin, stack.begin + stack.size};
  };
  trap::initialize_cpu(bounds(boot.boot_stack), bounds(boot.emergency_stack));
}

bool wait_for_all(abi::BootInfo& info) {
  const uint64_t everyone = ~uint64_t{0} >> (64 - info.cpu_count);
  const uint64_t deadline = arch::now_ns() + kPatienceNs;
  arch::set_timer_deadline(deadline);
  arch::enable_source(InterruptSource::Timer);
  sleep_until([&] {
    return entered.load(std::memory_order_acquire) == everyone || arch::now_ns() >= deadline;
  });
  arch::disable_source(InterruptSource::Timer);
  arch::cancel_timer();
  present = entered.load(std::memory_order_acquire);
  size_t count = 0;
  for (size_t place = 0; place < info.cpu_count; ++place) {
    if ((present >> place & 1) != 0) {
      info.cpus[count++] = info.cpus[place];
    } else {
      log_init.warn("hart {} was started but does not come; left out", info.cpus[place].hart_id);
    }
  }
  info.cpu_count = count;
  return present == everyone;
}

void release_others(const BootContext& context) {
  released.store(&context, std::memory_order_release);
  for (size_t i = 1; i < context.info.cpu_count; ++i) {
    arch::send_software_interrupt(HartId{context.info.cpus[i].hart_id});
  }
}

const BootContext& wait_for_release(const abi::BootInfo& info, size_t place) {
  entered.fetch_or(uint64_t{1} << place, std::memory_order_release);
  arch::send_software_interrupt(HartId{info.cpus[0].hart_id});
  const BootContext* context = nullptr;
  sleep_until([&] { return (context = released.load(std::memory_order_acquire)) != nullptr; });
  if ((present >> place & 1) == 0) arch::park();
  const uint64_t before = present & ((uint64_t{1} << place) - 1);
  arch::this_cpu().id = CpuId{static_cast<uint32_t>(std::popcount(before))};
  return *context;
}

void note_online() {
  online.fetch_add(1, std::memory_order_release);
}
uint32_t online_cpus() {
  return online.load(std::memory_order_acquire);
}

}  // namespace nacre::init
