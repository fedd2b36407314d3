// Event, OneShot, Mutex and Channel, also with tasks that are cancelled at the worst moment.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "nacre/base/coro/channel.hh"
#include "nacre/base/coro/event.hh"
#include "nacre/base/coro/mutex.hh"
#include "nacre/base/coro/scope.hh"
#include "test_loop.hh"

namespace nacre::coro {
namespace {

struct SynchronisationTest : testing::Test {
  TestLoop loop;
  Scheduler::Running running{loop.scheduler};
};

TEST_F(SynchronisationTest, EventWakesAllAndStaysSet) {
  Event event;
  int woken = 0;
  const auto waits = [](Event* e, int* count) -> Task<void> {
    co_await e->wait();
    ++*count;
  };
  Scope scope;
  scope.spawn(waits(&event, &woken));
  scope.spawn(waits(&event, &woken));
  loop.run();
  EXPECT_EQ(woken, 0);
  event.set();
  loop.run();
  EXPECT_EQ(woken, 2);
  scope.spawn(waits(&event, &woken));
  loop.run();
  EXPECT_EQ(woken, 3);
  event.reset();
  scope.spawn(waits(&event, &woken));
  loop.run();
  EXPECT_EQ(woken, 3);
}

TEST_F(SynchronisationTest, EventOrDeadline) {
  Event event;
  std::vector<bool> log;
  const auto waits = [](Event* e, uint64_t deadline, std::vector<bool>* out) -> Task<void> {
    out->push_back(co_await e->wait_until(deadline));
  };
  Scope scope;
  scope.spawn(waits(&event, 100, &log));
  loop.run();
  EXPECT_EQ(log, std::vector<bool>{false});
  scope.spawn(waits(&event, 200, &log));
  loop.scheduler.run_ready(1);
  event.set();
  loop.scheduler.timers().expire(1000);  // too late: it was woken already
  loop.run();
  EXPECT_EQ(log, (std::vector<bool>{false, true}));
  scope.spawn(waits(&event, kNever, &log));
  loop.run();
  EXPECT_EQ(log.size(), 3u);
}

TEST_F(SynchronisationTest, OneShotDeliversOrCloses) {
  const auto receive = [](OneShot<std::unique_ptr<int>>* one, int* out) -> Task<void> {
    const auto value = co_await one->receive();
    *out = value ? **value : -1;
  };
  OneShot<std::unique_ptr<int>> sent;
  OneShot<std::unique_ptr<int>> closed;
  int first = 0, second = 0;
  Scope scope;
  scope.spawn(receive(&sent, &first));
  scope.spawn(receive(&closed, &second));
  loop.run();
  sent.send(std::make_unique<int>(5));
  closed.close();
  loop.run();
  EXPECT_EQ(first, 5);
  EXPECT_EQ(second, -1);
}

TEST_F(SynchronisationTest, MutexExcludesAndIsFair) {
  Mutex mutex;
  std::vector<int> log;
  bool inside = false;
  const auto worker = [](Mutex* m, std::vector<int>* out, bool* in, int id) -> Task<void> {
    for (int i = 0; i < 3; ++i) {
      const auto guard = co_await m->lock();
      EXPECT_FALSE(*in);
      *in = true;
      co_await yield();
      out->push_back(id);
      *in = false;
    }
  };
  Scope scope;
  for (int id = 0; id < 3; ++id) scope.spawn(worker(&mutex, &log, &inside, id));
  loop.run();
  EXPECT_EQ(log, (std::vector{0, 1, 2, 0, 1, 2, 0, 1, 2}));
  EXPECT_FALSE(mutex.is_locked());
}

TEST_F(SynchronisationTest, ACancelledOwnerPassesTheMutexOn) {
  Mutex mutex;
  bool reached = false;
  const auto holder = [](Mutex* m) -> Task<void> {
    const auto guard = co_await m->lock();
    co_await std::suspend_always();
  };
  const auto waits = [](Mutex* m, bool* flag) -> Task<void> {
    const auto guard = co_await m->lock();
    *flag = true;
  };
  Scope first, second, third;
  bool unused = false;
  first.spawn(holder(&mutex));
  loop.run();
  second.spawn(waits(&mutex, &unused));
  third.spawn(waits(&mutex, &reached));
  loop.run();
  first.cancel_now();   // hands over to the second, which is only ready
  second.cancel_now();  // and is cancelled before it ran
  loop.run();
  EXPECT_TRUE(reached);
  EXPECT_FALSE(unused);
  EXPECT_FALSE(mutex.is_locked());
}

TEST_F(SynchronisationTest, ChannelKeepsOrderAndBounds) {
  Channel<int> channel(2);
  std::vector<int> log;
  const auto sender = [](Channel<int>* c, int from) -> Task<void> {
    for (int i = from; i < from + 5; ++i) EXPECT_TRUE(co_await c->send(i));
    c->close();
  };
  const auto receiver = [](Channel<int>* c, std::vector<int>* out) -> Task<void> {
    while (const auto value = co_await c->receive()) {
      EXPECT_LE(c->size(), 2u);
      out->push_back(*value);
    }
  };
  Scope scope;
  scope.spawn(sender(&channel, 10));
  loop.run();
  EXPECT_EQ(channel.size(), 2u);
  scope.spawn(receiver(&channel, &log));
  loop.run();
  EXPECT_EQ(log, (std::vector{10, 11, 12, 13, 14}));
  EXPECT_TRUE(scope.is_empty());
  int value = 1;
  EXPECT_FALSE(channel.try_send(value));
  EXPECT_FALSE(channel.try_receive().has_value());
}

TEST_F(SynchronisationTest, ClosingWakesEverybody) {
  Channel<int> full(1);
  Channel<int> empty(1);
  int value = 1;
  ASSERT_TRUE(full.try_send(value));
  std::vector<int> log;
  const auto sender = [](Channel<int>* c, std::vector<int>* out) -> Task<void> {
    out->push_back(co_await c->send(2) ? 1 : 0);
  };
  const auto receiver = [](Channel<int>* c, std::vector<int>* out) -> Task<void> {
    out->push_back((co_await c->receive()).value_or(-1));
  };
  Scope scope;
  scope.spawn(sender(&full, &log));
  scope.spawn(receiver(&empty, &log));
  loop.run();
  EXPECT_TRUE(log.empty());
  full.close();
  empty.close();
  loop.run();
  EXPECT_EQ(log, (std::vector{0, -1}));
  EXPECT_EQ(full.try_receive(), 1) << "what was sent can still be received";
}

// Senders and receivers that are cancelled at random: every value that was sent is received once and in order, or is
// still in the channel, or is lost with the receiver that had taken it out.
TEST_F(SynchronisationTest, ChannelLosesNothingToCancellation) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    std::mt19937 rng(seed);
    Channel<int> channel(1 + rng() % 4);
    std::vector<int> sent;
    std::vector<int> received;
    int next = 0;
    const auto sender = [](Channel<int>* c, std::vector<int>* out, int value) -> Task<void> {
      if (co_await c->send(value)) out->push_back(value);
    };
    const auto receiver = [](Channel<int>* c, std::vector<int>* out) -> Task<void> {
      if (const auto value = co_await c->receive()) out->push_back(*value);
    };
    std::vector<std::unique_ptr<Scope>> scopes;
    int cancelled_senders = 0;
    for (int step = 0; step < 400; ++step) {
      switch (rng() % 4) {
        case 0:
          scopes.push_back(std::make_unique<Scope>());
          scopes.back()->spawn(sender(&channel, &sent, next++));
          break;
        case 1:
          scopes.push_back(std::make_unique<Scope>());
          scopes.back()->spawn(receiver(&channel, &received));
          break;
        case 2:
          loop.scheduler.run_ready(rng() % 3);
          break;
        default:
          if (scopes.empty()) break;
          const size_t victim = rng() % scopes.size();
          cancelled_senders += scopes[victim]->is_empty() ? 0 : 1;
          scopes.erase(scopes.begin() + static_cast<long>(victim));
      }
    }
    loop.run();
    while (const auto value = channel.try_receive()) received.push_back(*value);
    loop.run();
    while (const auto value = channel.try_receive()) received.push_back(*value);
    // A value may arrive although its sender was cancelled before it was told so; never the other way round.
    EXPECT_TRUE(std::is_sorted(received.begin(), received.end()));
    for (int value : sent) {
      EXPECT_TRUE(std::find(received.begin(), received.end(), value) != received.end()) << value;
    }
    EXPECT_LE(received.size(), sent.size() + static_cast<size_t>(cancelled_senders));
    scopes.clear();
  }
}

}  // namespace
}  // namespace nacre::coro
