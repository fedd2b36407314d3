// Exhaustive interleaving tests of what strands wait for: locks, permits, channels, the first of several, scopes and deadlines,
// with cancellation in between.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <variant>

#include "model_helpers.hh"
#include "nacre/base/coro/channel.hh"
#include "nacre/base/coro/event.hh"
#include "nacre/base/coro/mutex.hh"
#include "nacre/base/coro/rw_lock.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/base/coro/select.hh"
#include "nacre/base/coro/semaphore.hh"
#include "nacre/base/model/expect_sound.hh"

namespace nacre::coro {
namespace {

using model::Execution;
using model::expect_sound;
using model::Var;

using Counter = Atomic<uint32_t>;

uint32_t value_of(const Counter& counter) {
  return counter.load(std::memory_order_relaxed);
}
void add_one(Counter* counter) {
  counter->fetch_add(1, std::memory_order_relaxed);
}

TEST(Primitives, AWriterIsAloneAndReadersSeeWhatItWrote) {
  expect_sound({.preemptions = 2, .late_stores = 0}, [](Execution& run) {
    Scheduler first, second;
    RwLock lock;
    Var<int> left, right;
    Counter ended{0};
    Scope scope;
    const auto writer = [](RwLock* l, Var<int>* a, Var<int>* b, Counter* count) -> Task<void> {
      {
        const auto guard = co_await l->write();
        a->set(a->get() + 1);
        b->set(b->get() + 1);
      }
      add_one(count);
    };
    const auto reader = [](RwLock* l, Var<int>* a, Var<int>* b, Counter* count) -> Task<void> {
      {
        const auto guard = co_await l->read();
        model::expect(a->get() == b->get(), "a reader sees half of a change");
      }
      add_one(count);
    };
    const auto done = [&] { return value_of(ended) == 3; };
    scope.spawn_on(first, writer(&lock, &left, &right, &ended));
    scope.spawn_on(first, reader(&lock, &left, &right, &ended));
    scope.spawn_on(second, reader(&lock, &left, &right, &ended));
    work_on_both(run, first, second, done);
    model::expect(lock.is_free() && left.get() == 1, "still held, or not written");
  });
}

// A writer that gives up lets the readers in that it kept waiting.
TEST(Primitives, AWriterThatIsCancelledLetsReadersPass) {
  expect_sound({.preemptions = 2, .late_stores = 0}, [](Execution& run) {
    Scheduler here, other;
    RwLock lock;
    Counter ended{0};
    Scope readers;
    auto writers = std::make_unique<Scope>();
    const auto write = [](RwLock* l) -> Task<void> { const auto guard = co_await l->write(); };
    const auto read = [](RwLock* l, Counter* count, bool lingers) -> Task<void> {
      {
        const auto guard = co_await l->read();
        if (lingers) co_await yield();
      }
      add_one(count);
    };
    readers.spawn_on(other, read(&lock, &ended, true));
    writers->spawn_on(other, write(&lock), Placement::Any);
    readers.spawn_on(other, read(&lock, &ended, false));
    run.thread([&] {
      const Scheduler::Running running(here);
      writers->cancel_now();
      writers.reset();
      add_one(&ended);
    });
    run.thread([&] { work(other, [&] { return value_of(ended) == 3; }); });
    run.go();
    model::expect(lock.is_free(), "still held");
  });
}

TEST(Primitives, PermitsAreNeitherLostNorMade) {
  expect_sound({.preemptions = 2, .late_stores = 0}, [](Execution& run) {
    Scheduler first, second;
    Semaphore semaphore(1);
    Var<int> inside;
    Counter ended{0};
    Scope scope;
    const auto worker = [](Semaphore* s, Var<int>* in, Counter* count) -> Task<void> {
      {
        const auto permit = co_await s->acquire();
        in->set(in->get() + 1);
        model::expect(in->get() == 1, "two hold the only permit");
        in->set(0);
      }
      add_one(count);
    };
    const auto done = [&] { return value_of(ended) == 3; };
    scope.spawn_on(first, worker(&semaphore, &inside, &ended));
    scope.spawn_on(second, worker(&semaphore, &inside, &ended));
    scope.spawn_on(second, worker(&semaphore, &inside, &ended));
    work_on_both(run, first, second, done);
    model::expect(semaphore.available() == 1, "not one permit at the end");
  });
}

// Permits come from one CPU, a waiter is cancelled by another, while it waits, is woken, or holds one.
TEST(Primitives, AWaiterThatIsCancelledPassesItsPermitOn) {
  expect_sound({.preemptions = 2, .late_stores = 0}, [](Execution& run) {
    Scheduler here, other;
    Semaphore semaphore(0);
    Counter ended{0};
    Scope kept;
    auto cancelled = std::make_unique<Scope>();
    const auto take = [](Semaphore* s, Counter* count) -> Task<void> {
      const auto permit = co_await s->acquire();
      add_one(count);
    };
    Counter ignored{0};
    cancelled->spawn_on(other, take(&semaphore, &ignored));
    kept.spawn_on(other, take(&semaphore, &ended));
    run.thread([&] {
      const Scheduler::Running running(here);
      semaphore.release();
      cancelled->cancel_now();
      cancelled.reset();
      add_one(&ended);
    });
    run.thread([&] { work(other, [&] { return value_of(ended) == 2; }); });
    run.go();
    model::expect(kept.is_empty() && semaphore.available() == 1, "the permit is lost");
  });
}

// One value, two receivers, one of them cancelled before, while or after it gets it: either that one took it, or the other
// has it.
TEST(Primitives, AChannelsValueOutlivesAReceiverThatIsCancelled) {
  expect_sound({.preemptions = 2, .late_stores = 0}, [](Execution& run) {
    Scheduler here, other;
    Channel<int> channel(1);
    Counter taken{0}, ended{0};
    Scope kept;
    auto cancelled = std::make_unique<Scope>();
    const auto receive = [](Channel<int>* c, Counter* values, Counter* count) -> Task<void> {
      if (co_await c->receive()) add_one(values);
      if (count != nullptr) add_one(count);
    };
    cancelled->spawn_on(other, receive(&channel, &taken, nullptr));
    kept.spawn_on(other, receive(&channel, &taken, &ended));
    run.thread([&] {
      const Scheduler::Running running(here);
      int value = 5;
      model::expect(channel.try_send(value), "no room");
      cancelled->cancel_now();
      cancelled.reset();
      channel.close();
      add_one(&ended);
    });
    run.thread([&] { work(other, [&] { return value_of(ended) == 2; }); });
    run.go();
    model::expect(value_of(taken) == 1, "the value is lost, or there twice");
  });
}

// Of an event and a value one is taken; the value, if it is not, stays for the next.
TEST(Primitives, SelectTakesOneAndLosesNothing) {
  expect_sound({.preemptions = 2, .late_stores = 0}, [](Execution& run) {
    Scheduler here;
    Event event;
    Channel<int> channel(1);
    Counter ended{0};
    Scope scope;
    const auto waiter = [](Event* e, Channel<int>* c, Counter* count) -> Task<void> {
      const auto first = co_await select(e->wait(), c->receive());
      if (first.index() == 0) {
        // It was not taken, so it comes.
        const auto value = co_await c->receive();
        model::expect(value == 7, "the value is lost");
      } else {
        model::expect(std::get<1>(first) == 7, "another value");
        co_await e->wait();
      }
      add_one(count);
    };
    scope.spawn_on(here, waiter(&event, &channel, &ended));
    run.thread([&] { work(here, [&] { return value_of(ended) == 1; }); });
    run.thread([&] { event.set(); });
    run.thread([&] {
      int value = 7;
      model::expect(channel.try_send(value), "no room");
    });
    run.go();
    model::expect(scope.is_empty() && channel.size() == 0, "the waiter is not gone");
  });
}

// A task within a deadline: it ends, or the deadline comes and it is cancelled; never both, never neither.
TEST(Primitives, WithinEndsTheTaskOneWay) {
  expect_sound({.preemptions = 2, .late_stores = 0}, [](Execution& run) {
    Scheduler here;
    Event event;
    Var<int> alive;
    Counter ended{0};
    Scope scope;
    const auto inner = [](Event* e, Var<int>* a) -> Task<int> {
      const Witness witness(a);
      co_await e->wait();
      co_return 3;
    };
    const auto outer = [](auto task, Event* e, Var<int>* a, Counter* count) -> Task<void> {
      const auto result = co_await within(1, task(e, a));
      model::expect(!result || *result == 3, "another result");
      model::expect(a->get() == 0, "the task is still there");
      add_one(count);
    };
    scope.spawn_on(here, outer(inner, &event, &alive, &ended));
    run.thread([&] {
      work(here, [&] {
        here.timers().expire(2);
        return value_of(ended) == 1;
      });
    });
    run.thread([&] { event.set(); });
    run.go();
    model::expect(scope.is_empty(), "a strand is left");
  });
}

// A child ends by itself on its CPU while another cancels its scope; what it was given is destroyed once, and before
// cancel_now() returns.
TEST(Primitives, CancellingMeetsTheEndOfAChild) {
  for (const Placement placement : {Placement::Any, Placement::Pinned}) {
    expect_sound({.preemptions = 3, .late_stores = 0}, [placement](Execution& run) {
      Scheduler here, other;
      Var<int> alive;
      Counter over{0};
      auto scope = std::make_unique<Scope>();
      const auto child = [](std::unique_ptr<Witness>) -> Task<void> { co_return; };
      scope->spawn_on(other, child(std::make_unique<Witness>(&alive)), placement);
      run.thread([&] { cancel_all(here, std::move(scope), alive, over); });
      run.thread([&] { work(other, [&] { return value_of(over) == 1; }); });
      run.go();
    });
  }
}

// The one that waits for the end of a child is cancelled by another CPU while the child ends.
TEST(Primitives, AJoinerIsCancelledWhileTheLastChildEnds) {
  expect_sound({.preemptions = 2, .late_stores = 0}, [](Execution& run) {
    Scheduler here, other;
    Counter over{0};
    Var<int> alive;
    Scope children;
    auto joiners = std::make_unique<Scope>();
    const auto child = [](Var<int>* a) -> Task<void> {
      const Witness witness(a);
      co_await yield();
    };
    const auto join = [](Scope* scope, Var<int>* a) -> Task<void> {
      co_await scope->join();
      model::expect(a->get() == 0, "joined, and still there");
    };
    children.spawn_on(other, child(&alive));
    joiners->spawn_on(other, join(&children, &alive), Placement::Any);
    joiners->spawn_on(other, join(&children, &alive), Placement::Pinned);
    run.thread([&] {
      const Scheduler::Running running(here);
      joiners->cancel_now();
      joiners.reset();
      over.store(1, std::memory_order_relaxed);
    });
    run.thread([&] { work(other, [&] { return value_of(over) == 1 && children.is_empty(); }); });
    run.go();
  });
}

// What a strand makes ready on its own CPU lies beside the queue: others steal and cancel past it.
TEST(Primitives, TheFirstBesideTheQueueIsRunOrDestroyedOnce) {
  expect_sound({.preemptions = 2, .late_stores = 0}, [](Execution& run) {
    Scheduler owner, thief;
    Counter ended{0}, over{0};
    Var<int> alive;
    auto cancelled = std::make_unique<Scope>();
    Scope kept;
    const auto child = [](Var<int>* a) -> Task<void> {
      const Witness witness(a);
      co_return;
    };
    const auto count = [](Counter* counter) -> Task<void> {
      add_one(counter);
      co_return;
    };
    const auto parent = [](auto victim, auto counting, Scope* scope, Scope* other, Var<int>* a,
                           Counter* counter) -> Task<void> {
      scope->spawn(victim(a), Placement::Pinned);
      other->spawn(counting(counter), Placement::Any);
      add_one(counter);
      co_return;
    };
    kept.spawn_on(owner, parent(child, count, cancelled.get(), &kept, &alive, &ended));
    const auto done = [&] { return value_of(over) == 1 && value_of(ended) == 2; };
    run.thread([&] { work(owner, done); });
    run.thread([&] {
      {
        const Scheduler::Running running(thief);
        (void)thief.steal_from(owner, 1);
        // After the parent has made it, or before.
        cancelled->cancel_now();
        over.store(1, std::memory_order_relaxed);
      }
      work(thief, done);
    });
    run.go();
    model::expect(kept.is_empty() && cancelled->is_empty(), "a strand is left");
    model::expect(alive.get() == 0, "a child was not destroyed");
  });
}

// A sleeper's CPU fires its timer while another cancels it.
TEST(Primitives, ASleeperIsCancelledWhileItsTimerFires) {
  for (const Placement placement : {Placement::Any, Placement::Pinned}) {
    expect_sound({.preemptions = 2, .late_stores = 0}, [placement](Execution& run) {
      Scheduler here, other;
      Var<int> alive;
      Counter over{0};
      auto scope = std::make_unique<Scope>();
      const auto sleeper = [](Var<int>* a) -> Task<void> {
        const Witness witness(a);
        co_await sleep_until(5);
      };
      scope->spawn_on(other, sleeper(&alive), placement);
      run.thread([&] { cancel_all(here, std::move(scope), alive, over); });
      run.thread([&] {
        work(other, [&] {
          other.timers().expire(6);
          return value_of(over) == 1;
        });
      });
      run.go();
      model::expect(other.timers().is_empty(), "the timer is still set");
    });
  }
}

}  // namespace
}  // namespace nacre::coro
