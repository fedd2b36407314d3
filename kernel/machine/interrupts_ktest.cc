// The machine's own interrupt controller, with the alarm of its real-time clock as the device. The same tests run on machines
// with a PLIC, an APLIC, and an APLIC with IMSICs.
#include "nacre/kernel/machine/interrupts.hh"

#include <array>
#include <atomic>
#include <optional>

#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/cpus.hh"
#include "nacre/kernel/arch/interrupts.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/dev/aplic.hh"
#include "nacre/kernel/dev/goldfish_rtc.hh"
#include "nacre/kernel/dev/imsic_layout.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/testing/all_cpus.hh"
#include "nacre/kernel/testing/test.hh"
#include "nacre/kernel/trap/dispatch.hh"

namespace nacre::machine {
namespace {

using coro::Task;

constexpr uint64_t kPatienceNs = 2'000'000'000;

// Goldfish RTC: an alarm in the past rings at once, until it is cleared.
class Alarm {
 public:
  Alarm() {
    const fdt::Tree& tree = testing::boot_context().tree;
    const auto node = tree.find_compatible(dev::kGoldfishRtcCompatible);
    if (!node || interrupt_controller() == nullptr) SKIP("no clock with an alarm");
    const auto line = interrupt_of(*node);
    const auto region = node->region(0);
    REQUIRE(line.has_value());
    REQUIRE(region.has_value());
    const mm::Machine& memory = mm::machine();
    DeviceMapper mapper(memory.frames, memory.mode, memory.kernel_root);
    const auto mapped = mapper.map(PhysAddr(region->address), ByteSize(region->size));
    REQUIRE(mapped.has_value());
    line_ = *line;
    registers_.emplace(*mapped);
    registers_->write32(kInterruptEnable, 1);
  }
  ~Alarm() {
    if (!registers_) return;
    lower();
    registers_->write32(kInterruptEnable, 0);
  }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  void raise() {
    registers_->write32(kAlarmHigh, 0);
    registers_->write32(kAlarmLow, 1);
  }
  void lower() { registers_->write32(kClearInterrupt, 1); }
  [[nodiscard]] const InterruptLine& line() const { return line_; }

 private:
  static constexpr uint64_t kAlarmLow = 0x08;
  static constexpr uint64_t kAlarmHigh = 0x0c;
  static constexpr uint64_t kInterruptEnable = 0x10;
  static constexpr uint64_t kClearInterrupt = 0x1c;

  InterruptLine line_{};
  std::optional<MappedRegisters> registers_;
};

struct Listener final : dev::InterruptHandler {
  explicit Listener(Alarm& a) : alarm(a) {}
  void on_interrupt() noexcept override {
    cpu.store(arch::this_cpu().id.value);
    // A line that stays as it is makes some emulated controllers interrupt once only.
    if (stuck.load()) {
      alarm.raise();
    } else {
      alarm.lower();
    }
    ++count;
  }
  Alarm& alarm;
  std::atomic<bool> stuck{false};  // the device wants something again and again
  std::atomic<uint32_t> cpu{~uint32_t{0}};
  std::atomic<uint32_t> count{0};
};

// Connected while it lives.
class Connection {
 public:
  Connection(const InterruptLine& line, dev::InterruptHandler& handler) : source_(line.source) {
    const auto done =
        interrupt_controller()->connect(source_, handler, line.trigger, arch::this_cpu().id);
    REQUIRE(done.has_value());
    interrupt_controller()->unmask(source_);
  }
  ~Connection() { interrupt_controller()->disconnect(source_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

 private:
  uint32_t source_;
};

// Until a condition holds; whether it does.
Task<bool> wait_until(auto condition) {
  const uint64_t deadline = arch::now_ns() + kPatienceNs;
  while (!condition() && arch::now_ns() < deadline) {
    co_await coro::sleep_until(arch::now_ns() + 50'000);
  }
  co_return condition();
}

NACRE_KERNEL_TASK_TEST(interrupts, every_cpu_gets_what_is_routed_to_it) {
  co_await testing::wait_for_executors();
  Alarm alarm;
  Listener listener(alarm);
  const Connection connection(alarm.line(), listener);
  const uint64_t before = interrupt_controller()->handled(alarm.line().source);
  uint32_t rung = 0;
  for (int round = 0; round < 3; ++round) {
    for (uint32_t cpu = 0; cpu < exec::executors().size(); ++cpu) {
      REQUIRE(interrupt_controller()->is_open(CpuId{cpu}));
      REQUIRE(interrupt_controller()->route(alarm.line().source, CpuId{cpu}).has_value());
      alarm.raise();
      ++rung;
      REQUIRE(co_await wait_until([&] { return listener.count.load() == rung; }));
      EXPECT_EQ(listener.cpu.load(), cpu);
    }
  }
  EXPECT_EQ(interrupt_controller()->handled(alarm.line().source) - before, uint64_t{rung});
  // No second one for the same cause.
  co_await coro::sleep_until(arch::now_ns() + 1'000'000);
  EXPECT_EQ(listener.count.load(), rung);
}

NACRE_KERNEL_TASK_TEST(interrupts, tasks_await_them_wherever_they_are_delivered) {
  co_await testing::wait_for_executors();
  Alarm alarm;
  dev::InterruptController& controller = *interrupt_controller();
  const auto interrupt = dev::AwaitableInterrupt::connect(controller, alarm.line().source,
                                                          alarm.line().trigger, CpuId{0});
  REQUIRE(interrupt.has_value());
  const size_t cpus = exec::executors().size();
  for (uint32_t round = 0; round < 200; ++round) {
    REQUIRE(controller.route((*interrupt)->source(), CpuId{round % static_cast<uint32_t>(cpus)})
                .has_value());
    // Before or behind the wait's beginning, as it happens: it is masked until then.
    alarm.raise();
    REQUIRE(co_await (*interrupt)->wait());
    EXPECT(controller.is_masked((*interrupt)->source()));
    alarm.lower();
    (*interrupt)->note_served();
  }
}

NACRE_KERNEL_TASK_TEST(interrupts, a_line_that_nobody_lowers_is_masked) {
  co_await testing::wait_for_executors();
  Alarm alarm;
  Listener listener(alarm);
  listener.stuck.store(true);
  const Connection connection(alarm.line(), listener);
  dev::InterruptController& controller = *interrupt_controller();
  const uint64_t before = controller.storms();
  alarm.raise();
  REQUIRE(co_await wait_until([&] { return controller.storms() != before; }));
  EXPECT_EQ(listener.count.load(), dev::InterruptController::kStorm);
  EXPECT(controller.is_masked(alarm.line().source));
  co_await coro::sleep_until(arch::now_ns() + 1'000'000);
  EXPECT_EQ(listener.count.load(), dev::InterruptController::kStorm);
  // The device comes to its senses: it may be used again.
  listener.stuck.store(false);
  alarm.lower();
  controller.unmask(alarm.line().source);
  alarm.raise();
  EXPECT(co_await wait_until(
      [&] { return listener.count.load() == dev::InterruptController::kStorm + 1; }));
}

bool has_imsics() {
  return interrupt_controller() != nullptr && interrupt_controller()->name() == "APLIC and IMSIC";
}

Task<void> nothing() {
  co_return;
}

uint64_t served(CpuId cpu, arch::InterruptSource source) {
  return arch::interrupts_served(cpu, source);
}

NACRE_KERNEL_TASK_TEST(interrupts, every_cpu_counts_what_it_serves) {
  co_await testing::wait_for_executors();
  const CpuId here = arch::this_cpu().id;
  const uint64_t software = served(here, arch::InterruptSource::Software);
  for (uint64_t n = 1; n <= 5; ++n) {
    arch::send_software_interrupt(arch::this_cpu().hart);
    // Nobody else is poked that way, and firmware may take its time.
    while (arch::pending_interrupt() != arch::InterruptSource::Software) {
      trap::serve_pending_interrupts();
      if (served(here, arch::InterruptSource::Software) >= software + n) break;
    }
    trap::serve_pending_interrupts();
    EXPECT_GE(served(here, arch::InterruptSource::Software), software + n);
  }
  const uint64_t timer = served(here, arch::InterruptSource::Timer);
  arch::set_timer_deadline(0);
  trap::serve_pending_interrupts();
  EXPECT_EQ(served(here, arch::InterruptSource::Timer), timer + 1);
  const CpuId none{arch::kMaxCpus};
  EXPECT_EQ(served(none, arch::InterruptSource::Timer), uint64_t{0});
}

NACRE_KERNEL_TASK_TEST(interrupts, cpus_poke_each_other_through_the_controller_where_it_can) {
  co_await testing::wait_for_executors();
  const size_t cpus = exec::executors().size();
  if (cpus < 2) SKIP("one CPU");
  for (uint32_t cpu = 1; cpu < cpus; ++cpu) {
    EXPECT_EQ(arch::has_doorbell(CpuId{cpu}), has_imsics());
    const uint64_t before =
        interrupt_controller() == nullptr ? 0 : interrupt_controller()->pokes(CpuId{cpu});
    const uint64_t software = served(CpuId{cpu}, arch::InterruptSource::Software);
    const uint64_t external = served(CpuId{cpu}, arch::InterruptSource::External);
    for (int i = 0; i < 20; ++i) {
      // It falls asleep meanwhile.
      co_await coro::sleep_until(arch::now_ns() + 100'000);
      coro::Scope scope;
      scope.spawn_on(exec::executors().find(CpuId{cpu})->scheduler(), nothing());
      co_await scope.join();
    }
    const uint64_t by_firmware = served(CpuId{cpu}, arch::InterruptSource::Software) - software;
    if (!has_imsics()) EXPECT_GE(by_firmware, uint64_t{10});
    if (interrupt_controller() == nullptr) continue;
    const uint64_t pokes = interrupt_controller()->pokes(CpuId{cpu}) - before;
    if (has_imsics()) {
      EXPECT_GE(pokes, uint64_t{10});
      EXPECT_EQ(by_firmware, uint64_t{0});
      EXPECT_GE(served(CpuId{cpu}, arch::InterruptSource::External) - external, pokes);
    } else {
      EXPECT_EQ(pokes, uint64_t{0});
    }
  }
}

// The file of CPU 0, for what no device sends.
arch::MmioRegion own_message_file() {
  const fdt::Tree& tree = testing::boot_context().tree;
  std::optional<fdt::Node> imsics;
  tree.visit([&](const fdt::Node& node) {
    const bool fits = node.is_compatible_with("riscv,imsics") &&
                      dev::cell_of(node, "interrupts-extended", 1) == 9;
    if (fits) imsics = node;
    return fits;
  });
  REQUIRE(imsics.has_value());
  const auto layout = dev::ImsicLayout::read(*imsics);
  REQUIRE(layout.has_value());
  // Harts are listed in order here.
  const auto file = layout->file(static_cast<uint32_t>(arch::this_cpu().hart.value));
  REQUIRE(file.has_value());
  const mm::Machine& memory = mm::machine();
  DeviceMapper mapper(memory.frames, memory.mode, memory.kernel_root);
  const auto mapped = mapper.map(file->address, ByteSize(dev::kImsicFileBytes));
  REQUIRE(mapped.has_value());
  return *mapped;
}

NACRE_KERNEL_TASK_TEST(interrupts, messages_that_nobody_expects_are_spurious) {
  co_await testing::wait_for_executors();
  if (!has_imsics()) SKIP("no IMSICs");
  dev::InterruptController& controller = *interrupt_controller();
  const arch::MmioRegion file = own_message_file();
  const CpuId here = arch::this_cpu().id;
  // Of a source that is not in use, which is masked once more.
  uint32_t unused = controller.sources();
  while (controller.target(unused)) --unused;
  uint64_t spurious = controller.spurious();
  file.write<uint32_t>(dev::kImsicSetPending, dev::MessageAplic::kPokeNumber + unused);
  trap::serve_pending_interrupts();
  EXPECT_EQ(controller.spurious(), spurious + 1);
  EXPECT_EQ(arch::pending_interrupt() == arch::InterruptSource::External, false);
  // A number that is nobody's is never let in; nor is one that does not exist, or none.
  spurious = controller.spurious();
  const uint32_t numbers[] = {dev::MessageAplic::kPokeNumber + controller.sources() + 1, 2000, 0};
  for (const uint32_t number : numbers) file.write<uint32_t>(dev::kImsicSetPending, number);
  EXPECT_EQ(arch::pending_interrupt() == arch::InterruptSource::External, false);
  // Pokes go on, alone and together with the others.
  const uint64_t pokes = controller.pokes(here);
  arch::interrupt_cpu(here);
  trap::serve_pending_interrupts();
  EXPECT_EQ(controller.pokes(here), pokes + 1);
  EXPECT_EQ(controller.spurious(), spurious);
  file.write<uint32_t>(dev::kImsicSetPending, dev::MessageAplic::kPokeNumber + unused);
  arch::interrupt_cpu(here);
  trap::serve_pending_interrupts();
  EXPECT_EQ(controller.pokes(here), pokes + 2);
  EXPECT_EQ(controller.spurious(), spurious + 1);
}

// A poke that is answered at once must not hide what is pending behind it.
NACRE_KERNEL_TASK_TEST(interrupts, devices_and_pokes_at_the_same_time) {
  co_await testing::wait_for_executors();
  const auto last = static_cast<uint32_t>(exec::executors().size() - 1);
  Alarm alarm;
  Listener listener(alarm);
  const Connection connection(alarm.line(), listener);
  REQUIRE(interrupt_controller()->route(alarm.line().source, CpuId{last}).has_value());
  const uint64_t spurious = interrupt_controller()->spurious();
  for (uint32_t round = 0; round < 200; ++round) {
    // Asleep, falling asleep, or awake, as it happens.
    co_await coro::sleep_until(arch::now_ns() + uint64_t{1'000} * (round % 50));
    alarm.raise();
    arch::interrupt_cpu(CpuId{last});
    coro::Scope scope;
    scope.spawn_on(exec::executors().find(CpuId{last})->scheduler(), nothing());
    co_await scope.join();
    REQUIRE(co_await wait_until([&] { return listener.count.load() == round + 1; }));
  }
  if (has_imsics()) EXPECT_EQ(interrupt_controller()->spurious(), spurious);
}

}  // namespace
}  // namespace nacre::machine
