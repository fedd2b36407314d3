// Exhaustive interleaving tests of how CPUs fall asleep and are woken: the executor compiled with modelled atomics, on ports
// that sleep until they are poked. A lost wake-up shows as CPUs that wait for each other.
#include <gtest/gtest.h>

#include "nacre/base/coro/event.hh"
#include "nacre/base/model/atomic.hh"
#include "nacre/base/model/checker.hh"
#include "nacre/base/model/expect_sound.hh"
#include "nacre/kernel/exec/executor.hh"

namespace nacre::exec {
namespace {

using coro::Placement;
using coro::Scope;
using coro::Task;
using model::Execution;
using model::expect_sound;

class ModelPort final : public CpuPort {
 public:
  uint64_t now_ns() noexcept override { return 0; }
  void arm_deadline(uint64_t deadline_ns) noexcept override { deadline = deadline_ns; }
  void wait_for_interrupt() noexcept override {
    if (deadline == 0) return;
    while (pending.exchange(0) == 0) model::spin_hint();
  }
  void serve_interrupts() override {}
  void poke() noexcept override { pending.store(1); }

  uint64_t deadline = coro::kNever;
  coro::Atomic<uint32_t> pending{0};
};

struct Stop : RemoteWork {
  explicit Stop(Executor& e)
      : RemoteWork([](RemoteWork& work) noexcept { static_cast<Stop&>(work).executor.stop(); }),
        executor(e) {}
  Executor& executor;
};

TEST(Model, RemoteWorkReachesACpuThatFallsAsleep) {
  expect_sound({.preemptions = 3, .late_stores = 2}, [](Execution& run) {
    ModelPort port;
    Executor executor(CpuId{0}, port);
    Stop stop(executor);
    run.thread([&] { executor.run(); });
    run.thread([&] { executor.post_remote(stop); });
    run.go();
  });
}

TEST(Model, TwoSendersPokeOnceOrTwiceButNeverNot) {
  expect_sound({.preemptions = 2, .late_stores = 1}, [](Execution& run) {
    struct Count : RemoteWork {
      Count(Executor& e, int& c)
          : RemoteWork([](RemoteWork& work) noexcept {
              auto& self = static_cast<Count&>(work);
              if (++self.count == 2) self.executor.stop();
            }),
            executor(e),
            count(c) {}
      Executor& executor;
      int& count;
    };
    ModelPort port;
    Executor executor(CpuId{0}, port);
    int count = 0;
    Count first(executor, count), second(executor, count);
    run.thread([&] { executor.run(); });
    run.thread([&] { executor.post_remote(first); });
    run.thread([&] { executor.post_remote(second); });
    run.go();
    model::expect(count == 2, "work is lost");
  });
}

Task<void> wait_and_stop(coro::Event* event, Executor* executor) {
  co_await event->wait();
  executor->stop();
}

TEST(Model, AnEventFromElsewhereReachesACpuThatFallsAsleep) {
  expect_sound({.preemptions = 2, .late_stores = 1}, [](Execution& run) {
    ModelPort port;
    Executor executor(CpuId{0}, port);
    coro::Event event;
    Scope scope;
    scope.spawn_on(executor.scheduler(), wait_and_stop(&event, &executor));
    run.thread([&] { executor.run(); });
    run.thread([&] { event.set(); });
    run.go();
    model::expect(scope.is_empty(), "the strand is not gone");
  });
}

// Entering user mode is like falling asleep: either the CPU is poked, or its slice is over before it begins.
TEST(Model, AWakeReachesACpuThatGoesToUserMode) {
  expect_sound({.preemptions = 3, .late_stores = 2}, [](Execution& run) {
    ModelPort port;
    Executor executor(CpuId{0}, port);
    Stop stop(executor);
    run.thread([&] {
      // A guest that never comes out by itself.
      while (executor.statistics().remote == 0) {
        executor.arm_until(coro::kNever);
        port.wait_for_interrupt();
        (void)executor.turn();
      }
    });
    run.thread([&] { executor.post_remote(stop); });
    run.go();
  });
}

// Two CPUs, one with more than it can do at once; the other sleeps, or is about to.
TEST(Model, SleepersAreWokenToSteal) {
  expect_sound({.preemptions = 1, .late_stores = 1}, [](Execution& run) {
    ModelPort ports[2];
    Group group;
    Executor busy(CpuId{0}, ports[0], &group), idle(CpuId{1}, ports[1], &group);
    coro::Atomic<uint32_t> ran{0};
    // One that waits until the other has run: on one CPU alone they would wait for ever.
    const auto needs_company = [](coro::Atomic<uint32_t>* count) -> Task<void> {
      count->fetch_add(1);
      while (count->load() != 2) coro::spin_hint();
      co_return;
    };
    const auto parent = [](auto child, coro::Atomic<uint32_t>* count, Executor* first,
                           Executor* second) -> Task<void> {
      Scope scope;
      scope.spawn(child(count), Placement::Any);
      scope.spawn(child(count), Placement::Any);
      co_await scope.join();
      first->stop();
      Stop stop(*second);
      second->post_remote(stop);
      // The node lives until it has run.
      while (second->statistics().remote == 0) coro::spin_hint();
    };
    Scope scope;
    scope.spawn_on(busy.scheduler(), parent(needs_company, &ran, &busy, &idle));
    run.thread([&] { busy.run(); });
    run.thread([&] { idle.run(); });
    run.go();
  });
}

}  // namespace
}  // namespace nacre::exec
