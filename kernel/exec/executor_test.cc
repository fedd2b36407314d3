#include "nacre/kernel/exec/executor.hh"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "nacre/base/coro/channel.hh"
#include "nacre/base/coro/event.hh"
#include "nacre/base/coro/mutex.hh"

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

// Several CPUs, each a thread.
class Machine {
 public:
  explicit Machine(size_t cpus) {
    for (size_t i = 0; i < cpus; ++i) {
      ports_.push_back(std::make_unique<SleepingPort>());
      executors_.push_back(
          std::make_unique<Executor>(CpuId{static_cast<uint32_t>(i)}, *ports_[i], &group_));
    }
    for (size_t i = 1; i < cpus; ++i) {
      threads_.emplace_back([this, i] { executors_[i]->run(); });
    }
  }
  ~Machine() {
    struct Stop : RemoteWork {
      explicit Stop(Executor& e)
          : RemoteWork([](RemoteWork& work) noexcept { static_cast<Stop&>(work).executor.stop(); }),
            executor(e) {}
      Executor& executor;
    };
    std::vector<std::unique_ptr<Stop>> stops;
    for (size_t i = 1; i < executors_.size(); ++i) {
      stops.push_back(std::make_unique<Stop>(*executors_[i]));
      executors_[i]->post_remote(*stops.back());
    }
    for (std::thread& thread : threads_) thread.join();
  }
  Executor& operator[](size_t i) { return *executors_[i]; }

 private:
  Group group_;
  std::vector<std::unique_ptr<SleepingPort>> ports_;
  std::vector<std::unique_ptr<Executor>> executors_;
  std::vector<std::thread> threads_;
};

TEST(ExecutorThreads, StrandsRunEverywhereAndJoinAtHome) {
  Machine machine(3);
  std::atomic<int> done{0};
  std::atomic<uint64_t> seen{0};
  const auto worker = [](std::atomic<int>* count, std::atomic<uint64_t>* cpus) -> coro::Task<void> {
    for (int i = 0; i < 50; ++i) {
      auto& executor = static_cast<coro::Scheduler&>(coro::Scheduler::current());
      cpus->fetch_or(reinterpret_cast<uintptr_t>(&executor));
      co_await coro::yield();
    }
    ++*count;
  };
  const auto main = [](auto task, std::atomic<int>* count,
                       std::atomic<uint64_t>* cpus) -> coro::Task<void> {
    for (int round = 0; round < 50; ++round) {
      coro::Scope scope;
      for (int i = 0; i < 40; ++i) scope.spawn(task(count, cpus), coro::Placement::Any);
      co_await scope.join();
    }
  };
  machine[0].block_on(main(worker, &done, &seen));
  EXPECT_EQ(done, 2000);
}

TEST(ExecutorThreads, ChannelsCarryEverythingOnceAcrossCpus) {
  Machine machine(3);
  constexpr int kSenders = 4, kEach = 20'000;
  std::atomic<uint64_t> sum{0};
  std::atomic<int> count{0};
  const auto sender = [](coro::Channel<int>* channel, int from) -> coro::Task<void> {
    for (int i = 0; i < kEach; ++i) EXPECT_TRUE(co_await channel->send(from + i));
  };
  const auto receiver = [](coro::Channel<int>* channel, std::atomic<uint64_t>* total,
                           std::atomic<int>* number) -> coro::Task<void> {
    while (const auto value = co_await channel->receive()) {
      *total += static_cast<uint64_t>(*value);
      ++*number;
    }
  };
  const auto main = [](auto send, auto receive, std::atomic<uint64_t>* total,
                       std::atomic<int>* number) -> coro::Task<void> {
    coro::Channel<int> channel(3);
    coro::Scope senders, receivers;
    for (int i = 0; i < 3; ++i)
      receivers.spawn(receive(&channel, total, number), coro::Placement::Any);
    for (int i = 0; i < kSenders; ++i) {
      senders.spawn(send(&channel, i * kEach), coro::Placement::Any);
    }
    co_await senders.join();
    channel.close();
    co_await receivers.join();
  };
  machine[0].block_on(main(sender, receiver, &sum, &count));
  constexpr uint64_t kTotal = kSenders * kEach;
  EXPECT_EQ(count, int{kTotal});
  EXPECT_EQ(sum, kTotal * (kTotal - 1) / 2);
}

TEST(ExecutorThreads, AMutexExcludesAcrossCpus) {
  Machine machine(3);
  uint64_t plain = 0;
  const auto worker = [](coro::Mutex* mutex, uint64_t* counter) -> coro::Task<void> {
    for (int i = 0; i < 2000; ++i) {
      const auto guard = co_await mutex->lock();
      const uint64_t before = *counter;
      if (i % 16 == 0) co_await coro::yield();
      *counter = before + 1;
    }
  };
  const auto main = [](auto task, uint64_t* counter) -> coro::Task<void> {
    coro::Mutex mutex;
    coro::Scope scope;
    for (int i = 0; i < 6; ++i) scope.spawn(task(&mutex, counter), coro::Placement::Any);
    co_await scope.join();
  };
  machine[0].block_on(main(worker, &plain));
  EXPECT_EQ(plain, 12000u);
}

// Whatever a strand is doing, and wherever, when its scope is cancelled: afterwards it is gone.
TEST(ExecutorThreads, CancellingReachesStrandsOnAllCpus) {
  Machine machine(3);
  std::atomic<int> alive{0};
  struct Witness {
    std::atomic<int>* count;
    explicit Witness(std::atomic<int>* c) : count(c) { ++*count; }
    ~Witness() { --*count; }
  };
  const auto worker = [](coro::Mutex* mutex, coro::Event* event, std::atomic<int>* count,
                         int kind) -> coro::Task<void> {
    const Witness witness(count);
    while (true) {
      if (kind % 4 == 0) co_await event->wait();
      if (kind % 4 == 1) co_await coro::yield();
      if (kind % 4 == 2) {
        const auto guard = co_await mutex->lock();
        co_await coro::yield();
      }
      if (kind % 4 == 3) co_await coro::sleep_until(1);
    }
  };
  const auto main = [](auto task, Executor* other, std::atomic<int>* count) -> coro::Task<void> {
    for (int round = 0; round < 300; ++round) {
      coro::Mutex mutex;
      coro::Event never;
      coro::Scope scope;
      for (int i = 0; i < 8; ++i) {
        scope.spawn(task(&mutex, &never, count, i), coro::Placement::Any);
      }
      scope.spawn_on(other->scheduler(), task(&mutex, &never, count, round));
      for (int i = 0; i < round % 7; ++i) co_await coro::yield();
      if (round % 3 == 0) {
        scope.cancel_now();
      } else {
        co_await scope.cancel();
      }
      EXPECT_EQ(*count, 0);
      EXPECT_FALSE(mutex.is_locked());
    }
  };
  machine[0].block_on(main(worker, &machine[2], &alive));
}

}  // namespace
}  // namespace nacre::exec
