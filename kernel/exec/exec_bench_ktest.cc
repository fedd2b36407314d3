// What strands, wakes and timers cost.
#include <functional>
#include <memory>

#include "executor_ktest.hh"
#include "nacre/base/coro/event.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/arch/interrupts.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/testing/benchmark.hh"
#include "nacre/kernel/trap/dispatch.hh"

namespace nacre::exec {
namespace {

using coro::Scope;
using coro::Task;

Task<void> nothing() {
  co_return;
}

NACRE_KERNEL_TASK_BENCHMARK(exec_spawn_join) {
  Scope scope;
  for (auto round = benchmark.rounds(1000); round.next();) {
    scope.spawn(nothing());
    co_await scope.join();
  }
}

NACRE_KERNEL_TASK_BENCHMARK(exec_yield) {
  for (auto round = benchmark.rounds(1000); round.next();) co_await coro::yield();
}

// Sets `out` whenever `in` was set.
Task<void> answer(coro::Event* in, coro::Event* out) {
  while (true) {
    co_await in->wait();
    in->reset();
    out->set();
  }
}

// There and back: two wakes.
NACRE_KERNEL_TASK_BENCHMARK(exec_wake_same_cpu_twice) {
  coro::Event ping, pong;
  Scope scope;
  scope.spawn(answer(&ping, &pong));
  for (auto round = benchmark.rounds(1000); round.next();) {
    ping.set();
    co_await pong.wait();
    pong.reset();
  }
  co_await scope.cancel();
}

// ---- A wake on another CPU ----

// A CPU that is played on this one: the other's executor runs on the caller's stack, and where it would wait for an interrupt,
// `act` does what this CPU does meanwhile. So both sides are counted, and nothing else. The interrupt is a real one, from this
// hart to itself: by the firmware, which sends it and passes it on within the call, or by a store to the doorbell.
enum class Way : uint8_t { Firmware, Doorbell };

class PlayedPort final : public CpuPort {
 public:
  explicit PlayedPort(Way way) noexcept : way_(way) {}
  uint64_t now_ns() noexcept override { return arch::now_ns(); }
  void arm_deadline(uint64_t) noexcept override {}
  void wait_for_interrupt() noexcept override { act(); }
  void serve_interrupts() override { trap::serve_pending_interrupts(); }
  void poke() noexcept override {
    if (way_ == Way::Doorbell) return arch::interrupt_cpu(arch::this_cpu().id);
    const uint64_t before = arch::retired_instructions();
    arch::send_software_interrupt(arch::this_cpu().hart);
    firmware += arch::retired_instructions() - before;
  }

  std::function<void()> act;
  uint64_t firmware = 0;  // instructions

 private:
  Way way_;
};

// The strand on the played CPU: `count` times, from the wake on.
Task<void> note_wakes(coro::Event* event, uint64_t* begun, uint64_t* spent, uint64_t count,
                      Executor* executor) {
  for (uint64_t i = 0; i < count; ++i) {
    co_await event->wait();
    *spent += arch::retired_instructions() - *begun;
    event->reset();
  }
  executor->stop();
}

enum class State : uint8_t { Asleep, Awake };

struct Spent {
  uint64_t kernel = 0;
  uint64_t firmware = 0;
};

Spent play_wakes(State state, uint64_t count, Way way = Way::Firmware) {
  PlayedPort port(way);
  Group group;
  Executor other(CpuId{1}, port, &group);
  coro::Event event;
  uint64_t begun = 0, spent = 0;
  const auto wake = [&] {
    const coro::Scheduler::Running here(this_executor().scheduler());
    begun = arch::retired_instructions();
    event.set();
  };
  Scope scope;
  scope.spawn_on(other.scheduler(), note_wakes(&event, &begun, &spent, count, &other));
  if (state == State::Asleep) {
    port.act = wake;
    other.run();
  } else {
    (void)other.turn();
    for (uint64_t i = 0; i < count; ++i) {
      wake();
      (void)other.turn();
    }
  }
  return {spent - port.firmware, port.firmware};
}

// From set() to the woken strand's first instruction, the kernel's own on both CPUs together.
constexpr uint64_t kWakes = 200;
NACRE_KERNEL_BENCHMARK(exec_wake_other_cpu) {
  benchmark.set_result(play_wakes(State::Asleep, kWakes).kernel, kWakes);
}
// The firmware's part in it: to send an interrupt, and to pass it on where it arrives.
NACRE_KERNEL_BENCHMARK(exec_wake_other_cpu_firmware) {
  benchmark.set_result(play_wakes(State::Asleep, kWakes).firmware, kWakes);
}
// On a machine with IMSICs, where the firmware has no part in it: everything, from set() to the woken strand.
NACRE_KERNEL_BENCHMARK(exec_wake_other_cpu_imsic) {
  if (!arch::has_doorbell(arch::this_cpu().id)) SKIP("no IMSICs");
  benchmark.set_result(play_wakes(State::Asleep, kWakes, Way::Doorbell).kernel, kWakes);
}
// The same while the other CPU is awake, or looks for work before it sleeps: there is no interrupt.
NACRE_KERNEL_BENCHMARK(exec_wake_other_cpu_awake) {
  benchmark.set_result(play_wakes(State::Awake, kWakes).kernel, kWakes);
}

// What the waker alone pays when the other CPU, a real one, sleeps; the firmware's sending included.
NACRE_KERNEL_TASK_BENCHMARK(exec_wake_sleeping_cpu_sender) {
  co_await wait_for_executors();
  Executor* other = second_executor();
  if (other == nullptr) SKIP("one CPU");
  coro::Event ping, pong;
  Scope scope;
  scope.spawn_on(other->scheduler(), answer(&ping, &pong));
  constexpr uint64_t kRounds = 200;
  uint64_t spent = 0;
  for (uint64_t i = 0; i < kRounds; ++i) {
    // Until the other sleeps.
    co_await coro::sleep_until(arch::now_ns() + 200'000);
    const uint64_t before = arch::retired_instructions();
    ping.set();
    spent += arch::retired_instructions() - before;
    co_await pong.wait();
    pong.reset();
  }
  benchmark.set_result(spent, kRounds);
  co_await scope.cancel();
}

NACRE_KERNEL_TASK_BENCHMARK(exec_timer_set_cancel) {
  coro::TimerWheel& wheel = this_executor().scheduler().timers();
  coro::Timer timer([](coro::Timer&) noexcept {});
  const uint64_t now = arch::now_ns();
  uint64_t distance = 1'000'000'000;
  for (auto round = benchmark.rounds(1000); round.next();) {
    wheel.insert(timer, now + distance);
    timer.cancel();
    distance += 777'777;
  }
  co_return;
}

NACRE_KERNEL_BENCHMARK(exec_timer_set_fire) {
  auto wheel = std::make_unique<coro::TimerWheel>();
  coro::Timer timer([](coro::Timer&) noexcept {});
  uint64_t now = 1'000'000;
  benchmark.measure(1000, [&] {
    wheel->insert(timer, now + 50'000);
    now += 60'000;
    wheel->expire(now);
  });
}

}  // namespace
}  // namespace nacre::exec
