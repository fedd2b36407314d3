// A machine in which only time passes: every processor runs what it was granted to the end of its slice, or until the thread
// blocks.
#include "nacre/kernel/sched/cpu_scheduler.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <list>
#include <queue>
#include <random>
#include <vector>

namespace nacre::sched {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

uint32_t preemptions = 0;

struct Thread : Claim {
  explicit Thread(CpuAccount& account)
      : Claim(account, [](Claim& c) noexcept { static_cast<Thread&>(c).settle(); }) {}
  void settle() noexcept { settled->push_back(this); }
  std::vector<Thread*>* settled = nullptr;
  uint64_t run_ns = ~uint64_t{0};  // how long it runs before it sleeps
  uint64_t sleep_ns = 0;
  uint64_t left_ns = ~uint64_t{0};
  bool runs = false;
  uint64_t began_ns = 0;
  uint64_t ends_ns = 0;
  uint64_t asked_ns = 0;  // when it wanted to run
  uint64_t longest_wait_ns = 0;
  CpuId cpu{0};
};

class Machine {
 public:
  explicit Machine(uint32_t cpus) : scheduler(cpus, [](CpuId) noexcept { ++preemptions; }) {
    for (uint32_t i = cpus; i-- > 0;) idle_.push_back(i);
  }
  ~Machine() {
    for (Thread& thread : threads_) scheduler.release(thread, now_);
  }

  CpuAccount& add(const CpuLimits& limits, uint64_t run_ns = ~uint64_t{0}, uint64_t sleep_ns = 0) {
    CpuAccount& account = *accounts_.emplace_back(make_ref<CpuAccount>(limits));
    add_thread(account, run_ns, sleep_ns);
    return account;
  }
  Thread& add_thread(CpuAccount& account, uint64_t run_ns = ~uint64_t{0}, uint64_t sleep_ns = 0) {
    Thread& thread = threads_.emplace_back(account);
    thread.settled = &settled_;
    thread.run_ns = thread.left_ns = run_ns;
    thread.sleep_ns = sleep_ns;
    events_.push({now_, &thread, false});
    return thread;
  }

  void run_until(uint64_t end_ns) {
    while (!events_.empty() && events_.top().at_ns <= end_ns) {
      const Event event = events_.top();
      events_.pop();
      now_ = event.at_ns;
      if (event.ends_slice) {
        // Unless it was preempted meanwhile.
        if (event.thread->runs && event.thread->ends_ns == now_) end_slice(*event.thread);
      } else {
        ask(*event.thread);
      }
      settle();
      // Preempted ones lose the rest of their slices.
      for (Thread& thread : threads_) {
        if (!thread.runs || thread.slice_end_ns() > now_ || thread.began_ns == now_) continue;
        end_slice(thread);
        settle();
      }
    }
    now_ = end_ns;
  }
  void settle() {
    while (!settled_.empty()) {
      Thread& thread = *settled_.back();
      settled_.pop_back();
      if (thread.state() == Claim::State::Granted) {
        begin_slice(thread);
      } else {
        ask(thread);
      }
    }
  }

  std::deque<Thread>& threads() { return threads_; }
  std::mt19937_64 random{11};

 private:
  struct Event {
    uint64_t at_ns;
    Thread* thread;
    bool ends_slice;
    bool operator<(const Event& other) const { return at_ns > other.at_ns; }
  };

  void ask(Thread& thread) {
    if (thread.asked_ns == 0) thread.asked_ns = now_;
    if (!scheduler.acquire(thread, thread.cpu, now_)) return;
    if (thread.state() == Claim::State::Granted) return begin_slice(thread);
    const uint64_t until = scheduler.throttled_until_ns(thread, now_);
    ASSERT_GT(until, now_);
    thread.asked_ns = 0;
    if (until != ~uint64_t{0}) events_.push({until, &thread, false});
  }
  void begin_slice(Thread& thread) {
    ASSERT_FALSE(idle_.empty());
    thread.longest_wait_ns = std::max(thread.longest_wait_ns, now_ - thread.asked_ns);
    thread.asked_ns = 0;
    thread.began_ns = now_;
    thread.cpu = CpuId{idle_.back()};
    idle_.pop_back();
    scheduler.start(thread, thread.cpu, now_);
    // The timer is a little late, always differently.
    const uint64_t slice = std::max(thread.slice_end_ns(), now_ + 1) - now_ + random() % 3000;
    thread.runs = true;
    thread.ends_ns = now_ + std::min(slice, thread.left_ns);
    events_.push({thread.ends_ns, &thread, true});
  }
  void end_slice(Thread& thread) {
    thread.runs = false;
    (void)scheduler.charge(thread, now_);
    idle_.push_back(thread.cpu.value);
    if (thread.run_ns != ~uint64_t{0})
      thread.left_ns -= std::min(thread.left_ns, now_ - thread.began_ns);
    if (thread.left_ns != 0) {
      thread.asked_ns = now_;
      return scheduler.rotate(thread, now_);
    }
    scheduler.release(thread, now_);
    thread.left_ns = thread.run_ns;
    events_.push({now_ + thread.sleep_ns, &thread, false});
  }

  uint64_t now_ = 1;
  std::vector<uint32_t> idle_;
  std::deque<Ref<CpuAccount>> accounts_;
  std::deque<Thread> threads_;
  std::vector<Thread*> settled_;
  std::priority_queue<Event> events_;

 public:
  CpuScheduler scheduler;
};

TEST(CpuScheduler, SharesFollowWeights) {
  for (const uint32_t cpus : {1u, 2u, 4u}) {
    Machine machine(cpus);
    std::vector<std::pair<uint32_t, CpuAccount*>> accounts;
    uint64_t weights = 0;
    // Nobody's share exceeds one processor, so that all of it can be had with one thread each.
    for (uint32_t i = 0; i < 4 * cpus; ++i) {
      const uint32_t weight = 100 + 50 * (i % 4);
      accounts.emplace_back(weight, &machine.add({.weight = weight, .quota = {}}));
      weights += weight;
    }
    machine.run_until(kSecond);
    for (const auto& [weight, account] : accounts) {
      const double wanted = double(cpus) * kSecond * weight / double(weights);
      EXPECT_NEAR(double(account->used_ns()), wanted, 0.01 * kSecond)
          << cpus << " processors, weight " << weight;
    }
  }
}

TEST(CpuScheduler, ManyThreadsDoNotMakeALargerShare) {
  Machine machine(2);
  CpuAccount& many = machine.add({});
  for (int i = 0; i < 9; ++i) machine.add_thread(many);
  CpuAccount& two = machine.add({});
  machine.add_thread(two);
  machine.run_until(kSecond);
  EXPECT_NEAR(double(many.used_ns()), kSecond, 0.01 * kSecond);
  EXPECT_NEAR(double(two.used_ns()), kSecond, 0.01 * kSecond);
}

TEST(CpuScheduler, QuotaIsExact) {
  for (const uint64_t period : {1'000'000ull, 10'000'000ull, 100'000'000ull}) {
    for (const uint64_t percent : {1, 10, 35, 90, 150}) {
      Machine machine(2);
      CpuAccount& limited =
          machine.add({.weight = 100, .quota = CpuQuota{period * percent / 100, period}});
      machine.add_thread(limited);
      machine.add_thread(limited);
      CpuAccount& free = machine.add({.weight = 1, .quota = {}});
      machine.add_thread(free);
      machine.run_until(kSecond);
      EXPECT_NEAR(double(limited.used_ns()), double(kSecond) * double(percent) / 100,
                  0.01 * kSecond)
          << percent << " % of " << period;
      EXPECT_NEAR(double(free.used_ns()), double(kSecond) * double(200 - percent) / 100,
                  0.01 * kSecond);
    }
  }
}

TEST(CpuScheduler, CountsHowOftenAQuotaWasUsedUp) {
  Machine machine(1);
  CpuAccount& limited = machine.add({.weight = 100, .quota = CpuQuota{2'000'000, 10'000'000}});
  CpuAccount& free = machine.add({});
  machine.run_until(kSecond);
  // At least once in each period, and no more often than it asks.
  EXPECT_GE(limited.throttled(), 99u);
  EXPECT_LE(limited.throttled(), 1000u);
  EXPECT_EQ(free.throttled(), 0u);
  EXPECT_EQ(limited.limits().quota->budget_ns, 2'000'000u);
}

TEST(CpuScheduler, NoBudgetIsNeverServed) {
  Machine machine(1);
  CpuAccount& none = machine.add({.weight = 100, .quota = CpuQuota{0, 1'000'000}});
  CpuAccount& other = machine.add({});
  machine.run_until(kSecond);
  EXPECT_EQ(none.used_ns(), 0u);
  EXPECT_GE(other.used_ns(), kSecond - kMaxSliceNs - 10'000);
}

TEST(CpuScheduler, AThousandDomainsAllRun) {
  Machine machine(2);
  std::vector<CpuAccount*> accounts;
  for (int i = 0; i < 1000; ++i)
    accounts.push_back(&machine.add({.weight = i % 10 == 0 ? 10u : 100u, .quota = {}}));
  machine.run_until(20 * kSecond);
  for (CpuAccount* account : accounts) EXPECT_GT(account->used_ns(), 0u);
  // Two processors serve 500 domains each; one of a tenth of the weight waits ten times as long.
  for (size_t i = 0; i < 1000; ++i) {
    EXPECT_LT(machine.threads()[i].longest_wait_ns, (i % 10 == 0 ? 8 : 2) * kSecond) << i;
  }
}

TEST(CpuScheduler, ASleeperIsServedSoonAndSavesNothingUp) {
  Machine machine(1);
  CpuAccount& hog = machine.add({});
  CpuAccount& sleeper = machine.add({}, 200'000, 50'000'000);
  preemptions = 0;
  machine.run_until(10 * kSecond);
  EXPECT_GT(preemptions, 100u);
  EXPECT_LE(machine.threads()[1].longest_wait_ns, kMaxSliceNs + 10'000);
  EXPECT_GT(sleeper.used_ns(), 150 * 200'000u);
  // From now on it never sleeps: what it did not use before gives it no more than half.
  const uint64_t before = sleeper.used_ns();
  machine.add_thread(sleeper);
  machine.run_until(11 * kSecond);
  EXPECT_NEAR(double(sleeper.used_ns() - before), 0.5 * kSecond, 0.02 * kSecond);
  EXPECT_GT(hog.used_ns(), 9 * kSecond);
}

// Each runs for a millisecond and is gone, and the next is there before.
TEST(CpuScheduler, NewAccountsDoNotStarveAnOldOne) {
  constexpr uint64_t kStep = 1'000'000;
  CpuScheduler scheduler(1, [](CpuId) noexcept { ++preemptions; });
  std::vector<Thread*> settled;
  struct Domain {
    Ref<CpuAccount> account = make_ref<CpuAccount>(CpuLimits{});
    Thread thread{*account};
  };
  Domain old;
  std::list<Domain> others;
  const auto arrive = [&](Thread& thread, uint64_t now) {
    thread.settled = &settled;
    (void)scheduler.acquire(thread, CpuId{0}, now);
  };
  uint64_t now = 1;
  arrive(old.thread, now);
  arrive(others.emplace_back().thread, now);
  while (now < kSecond) {
    now += kStep;
    if (old.thread.state() == Claim::State::Granted) {
      if (scheduler.charge(old.thread, now)) scheduler.rotate(old.thread, now);
      continue;
    }
    arrive(others.emplace_back().thread, now);
    const auto running = std::ranges::find_if(
        others, [](const Domain& d) { return d.thread.state() == Claim::State::Granted; });
    ASSERT_NE(running, others.end());
    (void)scheduler.charge(running->thread, now);
    scheduler.release(running->thread, now);
    others.erase(running);
  }
  // It competes with the one that runs and the one that waits.
  EXPECT_GT(old.account->used_ns(), 0.3 * kSecond);
  EXPECT_LT(old.account->used_ns(), 0.6 * kSecond);
  scheduler.release(old.thread, now);
  for (Domain& other : others) scheduler.release(other.thread, now);
}

TEST(CpuScheduler, TimeThatIsGrantedIsTimeThatIsUsed) {
  Machine machine(3);
  std::vector<CpuAccount*> accounts;
  for (int i = 0; i < 12; ++i) {
    const bool limited = i % 4 == 3;
    const CpuLimits limits = {
        .weight = 20u + 37u * static_cast<uint32_t>(i),
        .quota = limited ? std::optional(CpuQuota{2'000'000, 10'000'000}) : std::nullopt};
    accounts.push_back(i % 3 == 0 ? &machine.add(limits, 700'000, 3'000'000)
                                  : &machine.add(limits));
  }
  machine.run_until(5 * kSecond);
  uint64_t used = 0;
  for (CpuAccount* account : accounts) used += account->used_ns();
  EXPECT_NEAR(double(used), 15.0 * kSecond, 0.02 * kSecond) << "somebody always wants to run";
}

TEST(CpuScheduler, WithdrawnClaimsLeaveNoTrace) {
  std::mt19937_64 random(3);
  Machine machine(1);
  const auto account = make_ref<CpuAccount>(CpuLimits{});
  std::vector<Thread*> settled;
  std::deque<Thread> threads;
  for (int i = 0; i < 40; ++i) threads.emplace_back(*account).settled = &settled;
  uint64_t now = 1;
  for (int step = 0; step < 5000; ++step) {
    Thread& thread = threads[random() % threads.size()];
    now += random() % 100'000;
    if (thread.state() == Claim::State::Idle) {
      (void)machine.scheduler.acquire(thread, CpuId{0}, now);
    } else {
      machine.scheduler.release(thread, now);
    }
    size_t granted = 0;
    size_t waiting = 0;
    for (const Thread& t : threads) {
      granted += t.state() == Claim::State::Granted ? 1 : 0;
      waiting += t.state() == Claim::State::Waiting ? 1 : 0;
    }
    ASSERT_TRUE(granted == 1 || (granted == 0 && waiting == 0));
    ASSERT_EQ(machine.scheduler.waiting(), waiting == 0 ? 0u : 1u);
  }
  for (Thread& thread : threads) machine.scheduler.release(thread, now);
}

}  // namespace
}  // namespace nacre::sched
