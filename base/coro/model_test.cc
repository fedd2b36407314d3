// Exhaustive interleaving tests: the folder's own sources, compiled with modelled atomics, on two or three CPUs. Lost
// wake-ups show as CPUs that wait for each other, unordered accesses as races of a model::Var.
#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "model_helpers.hh"
#include "nacre/base/coro/channel.hh"
#include "nacre/base/coro/event.hh"
#include "nacre/base/coro/mutex.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/base/model/expect_sound.hh"

namespace nacre::coro {
namespace {

using model::Execution;
using model::expect_sound;
using model::Var;

TEST(Model, TheSpinLockExcludesAndOrders) {
  expect_sound({.preemptions = 2, .late_stores = 1}, [](Execution& run) {
    SpinLock lock;
    Var<int> counter;
    for (int i = 0; i < 3; ++i) {
      run.thread([&] {
        const SpinGuard guard(lock);
        counter.set(counter.get() + 1);
      });
    }
    run.go();
    model::expect(counter.get() == 3, "an increment is lost");
  });
}

// The state that shows without the lock says that the holder is out.
TEST(Model, WhoSeesTheStateMayDestroyTheLock) {
  expect_sound({.preemptions = 3}, [](Execution& run) {
    SpinLock lock;
    Var<int> memory_of_lock;
    run.thread([&] {
      lock.lock();
      (void)memory_of_lock.get();
      lock.unlock(2);
    });
    run.thread([&] {
      while (lock.peek() != 2) spin_hint();
      memory_of_lock.set(1);
    });
    run.go();
  });
}

Task<void> wait_and_tell(Event* event, Var<int>* message, Atomic<uint32_t>* seen) {
  co_await event->wait();
  model::expect(message->get() == 5, "woken before the event");
  seen->fetch_add(1, std::memory_order_relaxed);
}

// One CPU waits for an event that the other sets: before, while, or after it is suspended.
TEST(Model, AWakeIsNeverLost) {
  expect_sound({.preemptions = 3, .late_stores = 1}, [](Execution& run) {
    Scheduler here;
    Event event;
    Var<int> message;
    Atomic<uint32_t> seen{0};
    Scope scope;
    {
      const Scheduler::Running running(here);
      scope.spawn(wait_and_tell(&event, &message, &seen));
    }
    run.thread([&] { work(here, [&] { return seen.load(std::memory_order_relaxed) == 1; }); });
    run.thread([&] {
      message.set(5);
      event.set();
    });
    run.go();
    model::expect(scope.is_empty(), "the strand is not gone");
  });
}

// Two may wake the same strand, by the event and by its deadline; it goes on once.
TEST(Model, EventAndDeadlineWakeOnce) {
  expect_sound({.preemptions = 2, .late_stores = 0}, [](Execution& run) {
    Scheduler here;
    Event event;
    Atomic<uint32_t> steps{0};
    Scope scope;
    const auto waiter = [](Event* e, Atomic<uint32_t>* count) -> Task<void> {
      (void)co_await e->wait_until(1);
      count->fetch_add(1, std::memory_order_relaxed);
      // A wake that came too late would end this wait.
      Event never;
      const bool came = co_await never.wait_until(2'000'000);
      model::expect(!came, "woken by nobody");
      count->fetch_add(1, std::memory_order_relaxed);
    };
    {
      const Scheduler::Running running(here);
      scope.spawn(waiter(&event, &steps));
    }
    run.thread([&] {
      uint64_t now = 1;
      work(here, [&] {
        const uint64_t before = steps.load(std::memory_order_relaxed);
        if (before == 1) now = 3'000'000;
        here.timers().expire(now);
        return before == 2;
      });
    });
    run.thread([&] { event.set(); });
    run.go();
  });
}

TEST(Model, TheMutexExcludesAndIsHandedOn) {
  expect_sound({.preemptions = 2, .late_stores = 0}, [](Execution& run) {
    Scheduler first, second;
    Mutex mutex;
    Var<int> counter;
    Atomic<uint32_t> left{2};
    Scope scope;
    const auto worker = [](Mutex* m, Var<int>* value, Atomic<uint32_t>* count) -> Task<void> {
      {
        const auto guard = co_await m->lock();
        value->set(value->get() + 1);
      }
      count->fetch_sub(1, std::memory_order_relaxed);
    };
    const auto done = [&] { return left.load(std::memory_order_relaxed) == 0; };
    scope.spawn_on(first, worker(&mutex, &counter, &left));
    scope.spawn_on(second, worker(&mutex, &counter, &left));
    work_on_both(run, first, second, done);
    model::expect(counter.get() == 2, "an increment is lost");
    model::expect(!mutex.is_locked(), "still locked");
  });
}

TEST(Model, AChannelDeliversOnceAndInOrder) {
  expect_sound({.preemptions = 2, .late_stores = 0}, [](Execution& run) {
    Scheduler first, second;
    Channel<int> channel(1);
    Atomic<uint32_t> left{2};
    Scope scope;
    const auto sender = [](Channel<int>* c, Atomic<uint32_t>* count) -> Task<void> {
      for (int i = 0; i < 2; ++i) {
        const bool sent = co_await c->send(i);
        model::expect(sent, "not sent");
      }
      c->close();
      count->fetch_sub(1, std::memory_order_relaxed);
    };
    const auto receiver = [](Channel<int>* c, Atomic<uint32_t>* count) -> Task<void> {
      int expected = 0;
      while (const auto value = co_await c->receive()) {
        model::expect(*value == expected++, "out of order");
      }
      model::expect(expected == 2, "something is missing");
      count->fetch_sub(1, std::memory_order_relaxed);
    };
    const auto done = [&] { return left.load(std::memory_order_relaxed) == 0; };
    scope.spawn_on(first, sender(&channel, &left));
    scope.spawn_on(second, receiver(&channel, &left));
    work_on_both(run, first, second, done);
  });
}

// A strand is cancelled by another CPU while it starts, runs, waits, is woken, or ends.
TEST(Model, CancellingDestroysExactlyOnceAndIsCompleteAfterwards) {
  for (const Placement placement : {Placement::Any, Placement::Pinned}) {
    expect_sound({.preemptions = 2, .late_stores = 0}, [placement](Execution& run) {
      Scheduler here, other;
      Event event;
      Var<int> alive;
      Atomic<uint32_t> over{0};
      auto scope = std::make_unique<Scope>();
      const auto victim = [](Event* e, Var<int>* a) -> Task<void> {
        const Witness witness(a);
        co_await e->wait();
        co_await yield();
      };
      scope->spawn_on(other, victim(&event, &alive), placement);
      run.thread([&] { cancel_all(here, std::move(scope), alive, over); });
      run.thread([&] { work(other, [&] { return over.load(std::memory_order_relaxed) == 1; }); });
      run.thread([&] { event.set(); });
      run.go();
    });
  }
}

// The same with a strand that awaits the end of the others.
TEST(Model, CancelIsAwaited) {
  expect_sound({.preemptions = 2, .late_stores = 0}, [](Execution& run) {
    Scheduler here, other;
    Atomic<uint32_t> over{0};
    Var<int> alive;
    Scope outer;
    const auto victim = [](Var<int>* a) -> Task<void> {
      const Witness witness(a);
      co_await yield();
      co_await yield();
    };
    const auto canceller = [](Scheduler* at, auto task, Var<int>* a,
                              Atomic<uint32_t>* flag) -> Task<void> {
      {
        Scope scope;
        scope.spawn_on(*at, task(a));
        co_await scope.cancel();
        model::expect(a->get() == 0, "cancelled, and still there");
      }
      flag->store(1, std::memory_order_release);
    };
    outer.spawn_on(here, canceller(&other, victim, &alive, &over));
    const auto done = [&] { return over.load(std::memory_order_relaxed) == 1; };
    work_on_both(run, here, other, done);
    model::expect(outer.is_empty(), "the canceller is not gone");
  });
}

// Every strand runs once on one CPU, while one steals, the owner runs, and a third cancels.
TEST(Model, StealingTakesEachStrandOnce) {
  expect_sound({.preemptions = 2, .late_stores = 0}, [](Execution& run) {
    Scheduler victim, thief;
    Atomic<uint32_t> ran{0};
    Scope kept, cancelled;
    const auto task = [](Atomic<uint32_t>* count) -> Task<void> {
      count->fetch_add(1, std::memory_order_relaxed);
      co_return;
    };
    kept.spawn_on(victim, task(&ran), Placement::Any);
    cancelled.spawn_on(victim, task(&ran), Placement::Any);
    Atomic<uint32_t> over{0};
    const auto done = [&] { return over.load(std::memory_order_relaxed) == 1 && kept.is_empty(); };
    run.thread([&] {
      {
        const Scheduler::Running running(thief);
        (void)thief.steal_from(victim, 4);
      }
      work(thief, done);
    });
    run.thread([&] { work(victim, done); });
    run.thread([&] {
      cancelled.cancel_now();
      over.store(1, std::memory_order_relaxed);
    });
    run.go();
    const uint32_t count = ran.load(std::memory_order_relaxed);
    model::expect(count == 1 || count == 2, "a strand ran twice, or not at all");
  });
}

// A timer is cancelled by another CPU while its own fires it; afterwards the callback is over.
TEST(Model, TimersAreCancelledFromElsewhere) {
  expect_sound({.preemptions = 3}, [](Execution& run) {
    struct Probe : Timer {
      Probe() : Timer([](Timer& t) noexcept { static_cast<Probe&>(t).fired.set(1); }) {}
      Var<int> fired;
    };
    TimerWheel wheel;
    Probe probe;
    wheel.insert(probe, 100);
    run.thread([&] { wheel.expire(200); });
    run.thread([&] {
      const bool in_time = probe.cancel();
      model::expect(in_time == (probe.fired.get() == 0), "neither cancelled nor fired");
    });
    run.go();
    model::expect(wheel.is_empty(), "it is still there");
  });
}

}  // namespace
}  // namespace nacre::coro
