#include "nacre/base/coro/scope.hh"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nacre/base/coro/event.hh"
#include "test_loop.hh"

namespace nacre::coro {
namespace {

struct ScopeTest : testing::Test {
  TestLoop loop;
  Scheduler::Running running{loop.scheduler};
};

Task<void> sleeper(std::vector<uint64_t>* log, uint64_t ns) {
  co_await sleep_until(ns);
  log->push_back(ns);
}

TEST_F(ScopeTest, JoinWaitsForAll) {
  std::vector<uint64_t> log;
  bool joined = false;
  Scope scope;
  Scope outer;
  scope.spawn(sleeper(&log, 300));
  scope.spawn(sleeper(&log, 100));
  const auto joiner = [](Scope* s, bool* done) -> Task<void> {
    co_await s->join();
    *done = true;
  };
  outer.spawn(joiner(&scope, &joined));
  EXPECT_TRUE(log.empty()) << "spawning runs nothing";
  loop.run();
  EXPECT_EQ(log, (std::vector<uint64_t>{100, 300}));
  EXPECT_TRUE(joined);
  EXPECT_TRUE(scope.is_empty());
  EXPECT_EQ(loop.now_ns, 300u);
}

TEST_F(ScopeTest, CancelDestroysTasksWhereTheyAre) {
  auto witness = std::make_shared<int>();
  std::vector<uint64_t> log;
  Event event;
  const auto waits = [](std::shared_ptr<int>, Event* e) -> Task<void> { co_await e->wait(); };
  const auto nested = [](auto inner, std::shared_ptr<int> w, Event* e) -> Task<void> {
    co_await inner(w, e);
  };
  {
    Scope scope;
    scope.spawn(nested(waits, witness, &event));
    scope.spawn(sleeper(&log, 1000));
    scope.spawn(nested(waits, witness, &event));
    loop.scheduler.run_ready(2);  // the third has not even started
    EXPECT_GT(witness.use_count(), 3);
    scope.cancel_now();
    EXPECT_TRUE(scope.is_empty());
    EXPECT_EQ(witness.use_count(), 1);
    EXPECT_EQ(loop.scheduler.timers().next_deadline_ns(), kNever);
    EXPECT_FALSE(loop.scheduler.has_ready());
    scope.spawn(nested(waits, witness, &event));
    loop.run();
  }
  EXPECT_EQ(witness.use_count(), 1) << "the destructor cancels";
  event.set();
  loop.run();
  EXPECT_TRUE(log.empty());
}

TEST_F(ScopeTest, TheFirstExceptionReachesJoin) {
  std::vector<uint64_t> log;
  const auto thrower = [](int value, uint64_t ns) -> Task<void> {
    co_await sleep_until(ns);
    throw value;
  };
  int caught = 0;
  const auto joiner = [](Scope* s, int* out) -> Task<void> {
    try {
      co_await s->join();
    } catch (int value) {
      *out = value;
    }
    co_await s->join();
  };
  Scope scope;
  Scope outer;
  scope.spawn(thrower(1, 50));
  scope.spawn(thrower(2, 20));
  scope.spawn(sleeper(&log, 90));
  outer.spawn(joiner(&scope, &caught));
  loop.run();
  EXPECT_EQ(caught, 2);
  EXPECT_EQ(log.size(), 1u) << "siblings go on";
  EXPECT_TRUE(outer.is_empty());
}

// What a task was given goes after the task has ended, and after what was to happen at its suspension.
TEST_F(ScopeTest, TheHookComesBeforeTheParametersGo) {
  struct Log final : SuspensionHook {
    std::vector<std::string> entries;
    void on_suspension() noexcept override { entries.emplace_back("hook"); }
  };
  struct Parameter {
    Log* log;
    explicit Parameter(Log* l) : log(l) {}
    Parameter(Parameter&& other) noexcept : log(std::exchange(other.log, nullptr)) {}
    ~Parameter() {
      if (log != nullptr) log->entries.emplace_back("parameter");
    }
  };
  const auto task = [](Parameter parameter) -> Task<void> {
    current_strand().at_suspension(parameter.log);
    parameter.log->entries.emplace_back("body");
    co_return;
  };
  Log log;
  Scope scope;
  scope.spawn(task(Parameter(&log)));
  loop.run();
  EXPECT_TRUE(scope.is_empty());
  EXPECT_EQ(log.entries, (std::vector<std::string>{"body", "hook", "parameter"}));
}

TEST_F(ScopeTest, YieldIsFair) {
  std::vector<int> log;
  const auto speaker = [](std::vector<int>* out, int id) -> Task<void> {
    for (int i = 0; i < 3; ++i) {
      out->push_back(id);
      co_await yield();
    }
  };
  Scope scope;
  scope.spawn(speaker(&log, 1));
  scope.spawn(speaker(&log, 2));
  loop.run();
  EXPECT_EQ(log, (std::vector{1, 2, 1, 2, 1, 2}));
}

}  // namespace
}  // namespace nacre::coro
