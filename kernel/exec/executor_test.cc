#include "nacre/kernel/exec/executor.hh"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "nacre/base/coro/channel.hh"

namespace nacre::exec {
namespace {

// A CPU whose clock stands still except while it waits.
class FakePort final : public CpuPort {
 public:
  uint64_t now_ns() noexcept override { return now; }
  void arm_deadline(uint64_t deadline_ns) noexcept override { deadline = deadline_ns; }
  void wait_for_interrupt() noexcept override {
    ++waits;
    if (on_wait) on_wait();
    if (deadline != coro::kNever && deadline > now) now = deadline;
  }
  void serve_interrupts() override {
    if (device) std::exchange(device, nullptr)->set();
  }
  void poke() noexcept override { ++pokes; }

  uint64_t now = 0;
  uint64_t deadline = coro::kNever;
  int waits = 0;
  int pokes = 0;
  coro::Event* device = nullptr;
  std::function<void()> on_wait;
};

struct ExecutorTest : testing::Test {
  FakePort port;
  Executor executor{CpuId{0}, port};
};

coro::Task<int> sleep_and_add(int a, int b) {
  co_await coro::sleep_until(500);
  co_return a + b;
}

TEST_F(ExecutorTest, BlocksOnATask) {
  EXPECT_EQ(executor.block_on(sleep_and_add(1, 2)), 3);
  EXPECT_EQ(port.now, 500u);
  EXPECT_EQ(port.waits, 1);
  const auto nothing = []() -> coro::Task<void> { co_return; };
  executor.block_on(nothing());
  EXPECT_EQ(port.waits, 1) << "with something to do there is no wait";
}

TEST_F(ExecutorTest, BlockOnHandsOutExceptions) {
  const auto thrower = []() -> coro::Task<int> {
    co_await coro::yield();
    throw 9;
  };
  EXPECT_THROW(executor.block_on(thrower()), int);
  EXPECT_EQ(executor.block_on(sleep_and_add(4, 5)), 9);
}

TEST_F(ExecutorTest, StopCancelsWhatIsBlockedOn) {
  auto witness = std::make_shared<int>();
  coro::Event never;
  const auto stopper = [](Executor* e, coro::Event* event,
                          std::shared_ptr<int>) -> coro::Task<int> {
    e->stop();
    co_await event->wait();
    co_return 1;
  };
  EXPECT_THROW(executor.block_on(stopper(&executor, &never, witness)), Executor::Stopped);
  EXPECT_EQ(witness.use_count(), 1);
  EXPECT_EQ(executor.block_on(sleep_and_add(1, 1)), 2);
}

TEST_F(ExecutorTest, InterruptsWakeTasks) {
  coro::Event device;
  port.on_wait = [&] { port.device = &device; };
  const auto driver = [](coro::Event* e) -> coro::Task<int> {
    co_await e->wait();
    co_return 3;
  };
  EXPECT_EQ(executor.block_on(driver(&device)), 3);
  EXPECT_EQ(port.deadline, coro::kNever) << "nothing to wait for by time";
}

TEST_F(ExecutorTest, TimersComeDueBesideABusyTask) {
  // One task never lets the queue run empty; the sleeper must still get its turn.
  bool slept = false;
  const auto busy = [](FakePort* p, bool* done) -> coro::Task<int> {
    int turns = 0;
    while (!*done) {
      p->now += 10;
      ++turns;
      co_await coro::yield();
    }
    co_return turns;
  };
  const auto sleeper = [](bool* done) -> coro::Task<void> {
    co_await coro::sleep_until(5000);
    *done = true;
  };
  coro::Scope scope;
  {
    const coro::Scheduler::Running running(executor.scheduler());
    scope.spawn(sleeper(&slept));
  }
  const int turns = executor.block_on(busy(&port, &slept));
  EXPECT_GE(turns, 500);
  EXPECT_LT(turns, 600);
  EXPECT_EQ(port.waits, 0);
}

TEST_F(ExecutorTest, ArmsTheEarlierOfSliceAndTimer) {
  executor.arm_until(700);
  EXPECT_EQ(port.deadline, 700u);
  const auto check = [](Executor* e, FakePort* p) -> coro::Task<void> {
    coro::Event never;
    coro::Scope scope;
    const auto sleeper = [](uint64_t ns) -> coro::Task<void> { co_await coro::sleep_until(ns); };
    scope.spawn(sleeper(400));
    co_await coro::yield();
    e->arm_until(700);
    EXPECT_EQ(p->deadline, 400u);
    e->arm_until(300);
    EXPECT_EQ(p->deadline, 300u);
    e->arm_until(coro::kNever);
    EXPECT_EQ(p->deadline, 400u);
  };
  executor.block_on(check(&executor, &port));
}

struct Message : RemoteWork {
  Message() : RemoteWork(&deliver) {}
  static void deliver(RemoteWork& work) noexcept {
    auto& self = static_cast<Message&>(work);
    self.log->push_back(self.id);
    if (self.event != nullptr) self.event->set();
  }
  std::vector<int>* log = nullptr;
  coro::Event* event = nullptr;
  int id = 0;
};

TEST_F(ExecutorTest, RemoteWorkRunsInOrderAndPokesOnlyTheIdle) {
  std::vector<int> log;
  Message messages[3];
  for (int i = 0; i < 3; ++i) {
    messages[i].log = &log;
    messages[i].id = i;
    executor.post_remote(messages[i]);
  }
  EXPECT_EQ(port.pokes, 0);
  EXPECT_TRUE(executor.turn());
  EXPECT_EQ(log, (std::vector{0, 1, 2}));
  EXPECT_FALSE(executor.turn());

  coro::Event arrived;
  messages[0].event = &arrived;
  port.on_wait = [&] { executor.post_remote(messages[0]); };
  const auto waits = [](coro::Event* e) -> coro::Task<void> { co_await e->wait(); };
  executor.block_on(waits(&arrived));
  EXPECT_EQ(port.pokes, 1);
  EXPECT_EQ(executor.statistics().remote, 4u);
}

// A CPU that really sleeps until it is poked. If a wake-up were lost, this would hang.
class SleepingPort final : public CpuPort {
 public:
  uint64_t now_ns() noexcept override { return 0; }
  void arm_deadline(uint64_t) noexcept override {}
  void wait_for_interrupt() noexcept override {
    pending.wait(false);
    pending = false;
  }
  void serve_interrupts() override {}
  void poke() noexcept override {
    pending = true;
    pending.notify_one();
  }
  std::atomic<bool> pending{false};
};

TEST(ExecutorThreads, NoRemoteWakeUpIsLost) {
  constexpr int kRounds = 20000;
  SleepingPort ports[2];
  struct Ball : RemoteWork {
    Ball() : RemoteWork(&bounce) {}
    static void bounce(RemoteWork& work) noexcept {
      auto& self = static_cast<Ball&>(work);
      ++self.bounces;
      Executor& here = *self.executors[self.at];
      self.at ^= 1;
      if (self.bounces == kRounds) self.done = true;
      if (self.bounces >= kRounds) here.stop();
      if (self.bounces <= kRounds) self.executors[self.at]->post_remote(self);
    }
    Executor* executors[2] = {};
    int at = 0;
    int bounces = 0;
    std::atomic<bool> done{false};
  };
  Executor first(CpuId{0}, ports[0]);
  Executor second(CpuId{1}, ports[1]);
  Ball ball;
  ball.executors[0] = &first;
  ball.executors[1] = &second;
  std::thread other([&] { second.run(); });
  first.post_remote(ball);
  first.run();
  other.join();
  EXPECT_TRUE(ball.done);
  EXPECT_EQ(ball.bounces, kRounds + 1);
}

}  // namespace
}  // namespace nacre::exec
