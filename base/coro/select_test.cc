// Semaphore, RwLock, select() and within().
#include "nacre/base/coro/select.hh"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "nacre/base/coro/channel.hh"
#include "nacre/base/coro/mutex.hh"
#include "nacre/base/coro/rw_lock.hh"
#include "nacre/base/coro/semaphore.hh"
#include "test_loop.hh"

namespace nacre::coro {
namespace {

struct SelectTest : testing::Test {
  TestLoop loop;
  Scheduler::Running running{loop.scheduler};
};
using SemaphoreTest = SelectTest;
using RwLockTest = SelectTest;

TEST_F(SemaphoreTest, LimitsAndIsFair) {
  Semaphore semaphore(2);
  int inside = 0;
  std::vector<int> log;
  const auto worker = [](Semaphore* s, int* count, std::vector<int>* out, int id) -> Task<void> {
    const auto permit = co_await s->acquire();
    EXPECT_LE(++*count, 2);
    co_await yield();
    out->push_back(id);
    --*count;
  };
  Scope scope;
  for (int id = 0; id < 6; ++id) scope.spawn(worker(&semaphore, &inside, &log, id));
  loop.run();
  EXPECT_EQ(log, (std::vector{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(semaphore.available(), 2u);
}

TEST_F(SemaphoreTest, ACancelledOwnerPassesItsPermitOn) {
  Semaphore semaphore(0);
  bool reached = false;
  const auto worker = [](Semaphore* s, bool* flag) -> Task<void> {
    auto permit = co_await s->acquire();
    permit.consume();
    *flag = true;
  };
  bool unused = false;
  Scope first, second;
  first.spawn(worker(&semaphore, &unused));
  second.spawn(worker(&semaphore, &reached));
  loop.run();
  semaphore.release();  // to the first, which is only ready
  first.cancel_now();
  loop.run();
  EXPECT_TRUE(reached);
  EXPECT_FALSE(unused);
  EXPECT_EQ(semaphore.available(), 0u);
}

TEST_F(RwLockTest, ReadersShareWritersDoNotAndNobodyStarves) {
  RwLock lock;
  std::string log;
  const auto reader = [](RwLock* l, std::string* out) -> Task<void> {
    const auto guard = co_await l->read();
    *out += '(';
    co_await yield();
    *out += ')';
  };
  const auto writer = [](RwLock* l, std::string* out) -> Task<void> {
    const auto guard = co_await l->write();
    *out += '[';
    co_await yield();
    *out += ']';
  };
  Scope scope;
  scope.spawn(reader(&lock, &log));
  scope.spawn(reader(&lock, &log));
  scope.spawn(writer(&lock, &log));
  scope.spawn(reader(&lock, &log));
  scope.spawn(writer(&lock, &log));
  loop.run();
  EXPECT_EQ(log, "(())[]()[]");
  EXPECT_TRUE(lock.is_free());
}

TEST_F(RwLockTest, ACancelledWriterLetsReadersIn) {
  RwLock lock;
  bool read = false;
  const auto holder = [](RwLock* l) -> Task<void> {
    const auto guard = co_await l->read();
    co_await std::suspend_always();
  };
  const auto writer = [](RwLock* l) -> Task<void> { const auto guard = co_await l->write(); };
  const auto reader = [](RwLock* l, bool* flag) -> Task<void> {
    const auto guard = co_await l->read();
    *flag = true;
  };
  Scope holding, writing, reading;
  holding.spawn(holder(&lock));
  writing.spawn(writer(&lock));
  reading.spawn(reader(&lock, &read));
  loop.run();
  EXPECT_FALSE(read);
  writing.cancel_now();
  loop.run();
  EXPECT_TRUE(read);
}

TEST_F(SelectTest, TakesTheFirstThatComes) {
  Event event;
  Channel<int> channel(1);
  std::vector<std::string> log;
  const auto chooser = [](Event* e, Channel<int>* c, std::vector<std::string>* out) -> Task<void> {
    for (int i = 0; i < 3; ++i) {
      const auto first = co_await select(c->receive(), e->wait(), deadline(1000));
      switch (first.index()) {
        case 0:
          out->push_back("value " + std::to_string(std::get<0>(first).value_or(-1)));
          break;
        case 1:
          out->push_back("event");
          e->reset();
          break;
        default:
          out->push_back("deadline");
      }
    }
  };
  Scope scope;
  scope.spawn(chooser(&event, &channel, &log));
  loop.scheduler.run_ready(1);
  int value = 7;
  EXPECT_TRUE(channel.try_send(value));
  loop.scheduler.run_ready(1);
  event.set();
  loop.run();
  EXPECT_EQ(log, (std::vector<std::string>{"value 7", "event", "deadline"}));
  EXPECT_TRUE(loop.scheduler.timers().is_empty());
}

// Both come before the chooser runs: what it does not take, others get.
TEST_F(SelectTest, NothingIsLostWithTheLosers) {
  Mutex mutex;
  Channel<int> channel(1);
  Event event;
  size_t chosen = 99;
  bool locked = false;
  const auto holder = [](Mutex* m, Event* release) -> Task<void> {
    const auto guard = co_await m->lock();
    co_await release->wait();
  };
  const auto chooser = [](Channel<int>* c, Mutex* m, Event* e, size_t* out) -> Task<void> {
    const auto first = co_await select(e->wait(), c->receive(), m->lock());
    *out = first.index();
  };
  const auto locker = [](Mutex* m, bool* flag) -> Task<void> {
    const auto guard = co_await m->lock();
    *flag = true;
  };
  Event release;
  Scope scope;
  scope.spawn(holder(&mutex, &release));
  scope.spawn(chooser(&channel, &mutex, &event, &chosen));
  scope.spawn(locker(&mutex, &locked));
  loop.run();
  int value = 3;
  EXPECT_TRUE(channel.try_send(value));
  release.set();
  loop.scheduler.run_ready(1);  // the chooser, which only has the value
  event.set();
  loop.run();
  EXPECT_EQ(chosen, 1u);
  EXPECT_TRUE(locked);
  EXPECT_FALSE(mutex.is_locked());
}

TEST_F(SelectTest, ALoserThatWonGivesItsValueBack) {
  Channel<int> channel(1);
  Event event;
  size_t chosen = 99;
  const auto chooser = [](Channel<int>* c, Event* e, size_t* out) -> Task<void> {
    const auto first = co_await select(e->wait(), c->receive());
    *out = first.index();
    co_await yield();
  };
  Scope scope;
  scope.spawn(chooser(&channel, &event, &chosen));
  loop.run();
  int value = 3;
  EXPECT_TRUE(channel.try_send(value));
  event.set();
  loop.run();
  EXPECT_EQ(chosen, 0u);
  EXPECT_EQ(channel.try_receive(), 3);
}

TEST_F(SelectTest, CancelledWhileItWaits) {
  Channel<int> channel(1);
  Event event;
  const auto chooser = [](Channel<int>* c, Event* e) -> Task<void> {
    (void)co_await select(e->wait(), c->receive(), deadline(5000));
  };
  Scope scope;
  scope.spawn(chooser(&channel, &event));
  loop.scheduler.run_ready(1);
  int value = 4;
  EXPECT_TRUE(channel.try_send(value));
  scope.cancel_now();
  EXPECT_EQ(channel.try_receive(), 4);
  EXPECT_TRUE(loop.scheduler.timers().is_empty());
}

TEST_F(SelectTest, WithinADeadline) {
  const auto sleeper = [](uint64_t ns, std::shared_ptr<int>) -> Task<int> {
    co_await sleep_until(ns);
    co_return 5;
  };
  auto witness = std::make_shared<int>();
  std::optional<int> quick, slow = 1;
  const auto main = [](auto task, std::shared_ptr<int> w, std::optional<int>* first,
                       std::optional<int>* second) -> Task<void> {
    *first = co_await within(200, task(100, w));
    *second = co_await within(300, task(1000, w));
    EXPECT_EQ(w.use_count(), 2) << "cancelled means gone";
  };
  Scope scope;
  scope.spawn(main(sleeper, witness, &quick, &slow));
  loop.run();
  EXPECT_EQ(quick, 5);
  EXPECT_EQ(slow, std::nullopt);
  EXPECT_EQ(loop.now_ns, 300u);
}

}  // namespace
}  // namespace nacre::coro
