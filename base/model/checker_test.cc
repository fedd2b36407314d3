// The checker must find what is wrong with broken algorithms, and nothing with sound ones.
#include "nacre/base/model/checker.hh"

#include <gtest/gtest.h>

#include "nacre/base/model/atomic.hh"

namespace nacre::model {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;
constexpr auto kRelease = std::memory_order_release;

TEST(Checker, SeesAllInterleavingsOfTwoIncrements) {
  bool lost = false, kept = false;
  const Report report = explore({}, [&](Execution& run) {
    Atomic<int> counter;
    const auto increment = [&] { counter.store(counter.load(kRelaxed) + 1, kRelaxed); };
    run.thread(increment);
    run.thread(increment);
    run.go();
    (counter.load(kRelaxed) == 1 ? lost : kept) = true;
  });
  EXPECT_EQ(report.failure, "");
  EXPECT_TRUE(lost);
  EXPECT_TRUE(kept);
  EXPECT_GT(report.executions, 4u);
}

Report pass_a_message(std::memory_order store, std::memory_order load) {
  return explore({}, [=](Execution& run) {
    Var<int> message;
    Atomic<bool> ready;
    run.thread([&] {
      message.set(7);
      ready.store(true, store);
    });
    run.thread([&] {
      if (ready.load(load)) expect(message.get() == 7, "the message is not there");
    });
    run.go();
  });
}

TEST(Checker, KnowsAcquireAndRelease) {
  EXPECT_EQ(pass_a_message(kRelease, kAcquire).failure, "");
  EXPECT_NE(pass_a_message(kRelaxed, kAcquire).failure.find("races"), std::string::npos);
  EXPECT_NE(pass_a_message(kRelease, kRelaxed).failure.find("races"), std::string::npos);
}

// Each says that it comes and then looks for the other: with late stores both may miss each other.
Report look_for_each_other(bool fence) {
  return explore({}, [=](Execution& run) {
    Atomic<int> first, second;
    int saw_first = -1, saw_second = -1;
    run.thread([&] {
      first.store(1, kRelaxed);
      if (fence) fence_seq_cst();
      saw_second = second.load(kRelaxed);
    });
    run.thread([&] {
      second.store(1, kRelaxed);
      if (fence) fence_seq_cst();
      saw_first = first.load(kRelaxed);
    });
    run.go();
    expect(saw_first == 1 || saw_second == 1, "they missed each other");
  });
}

TEST(Checker, KnowsThatStoresAreSeenLate) {
  EXPECT_EQ(look_for_each_other(true).failure, "");
  EXPECT_NE(look_for_each_other(false).failure.find("missed"), std::string::npos);
}

TEST(Checker, FindsDeadlocks) {
  const auto report = [](bool same_order) {
    return explore({}, [=](Execution& run) {
      Atomic<int> locks[2];
      const auto lock = [&](int i) {
        while (locks[i].exchange(1, kAcquire) == 1) spin_hint();
      };
      const auto unlock = [&](int i) { locks[i].store(0, kRelease); };
      run.thread([&] {
        lock(0);
        lock(1);
        unlock(1);
        unlock(0);
      });
      run.thread([&] {
        lock(same_order ? 0 : 1);
        lock(same_order ? 1 : 0);
        unlock(0);
        unlock(1);
      });
      run.go();
    });
  };
  EXPECT_EQ(report(true).failure, "");
  EXPECT_NE(report(false).failure.find("wait for each other"), std::string::npos);
}

TEST(Checker, PreemptionsAreBounded) {
  // The failure needs two switches in the middle of the first thread.
  const auto report = [](unsigned preemptions) {
    return explore({.preemptions = preemptions}, [](Execution& run) {
      Atomic<int> turn;
      run.thread([&] {
        const bool before = turn.load(kRelaxed) == 0;
        const bool between = turn.load(kRelaxed) == 1;
        const bool after = turn.load(kRelaxed) == 2;
        expect(!(before && between && after), "all three");
      });
      run.thread([&] {
        turn.fetch_add(1, kRelaxed);
        turn.fetch_add(1, kRelaxed);
      });
      run.go();
    });
  };
  EXPECT_EQ(report(1).failure, "");
  EXPECT_NE(report(3).failure, "");
}

}  // namespace
}  // namespace nacre::model
