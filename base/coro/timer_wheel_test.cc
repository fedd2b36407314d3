#include "nacre/base/coro/timer_wheel.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace nacre::coro {
namespace {

struct Recorder : Timer {
  Recorder(int i, std::vector<int>& l)
      : Timer([](Timer& timer) noexcept {
          auto& self = static_cast<Recorder&>(timer);
          self.log->push_back(self.id);
        }),
        id(i),
        log(&l) {}
  int id;
  std::vector<int>* log;
};

TEST(TimerWheel, ExpiresInOrderUpToNow) {
  TimerWheel queue;
  std::vector<int> log;
  Recorder a(1, log), b(2, log), c(3, log);
  EXPECT_EQ(queue.next_deadline_ns(), kNever);
  queue.insert(a, 300);
  queue.insert(b, 100);
  queue.insert(c, 200);
  EXPECT_EQ(queue.next_deadline_ns(), 100u);
  queue.expire(99);
  EXPECT_TRUE(log.empty());
  queue.expire(200);
  EXPECT_EQ(log, (std::vector{2, 3}));
  EXPECT_FALSE(b.is_pending());
  EXPECT_TRUE(a.is_pending());
  a.cancel();
  queue.expire(1000);
  EXPECT_EQ(log.size(), 2u);
}

// `span_ns`: how far ahead the deadlines lie.
void compare_with_a_multimap(uint32_t seed, uint64_t span_ns) {
  std::mt19937_64 rng(seed);
  TimerWheel queue;
  std::vector<int> log;
  std::vector<std::unique_ptr<Recorder>> timers;
  for (int i = 0; i < 200; ++i) timers.push_back(std::make_unique<Recorder>(i, log));
  std::multimap<uint64_t, int> model;
  const auto forget = [&](int id) {
    for (auto it = model.begin(); it != model.end(); ++it) {
      if (it->second == id) return (void)model.erase(it);
    }
  };
  uint64_t now = rng() % span_ns;
  for (int step = 0; step < 3000; ++step) {
    const int id = static_cast<int>(rng() % timers.size());
    Recorder& timer = *timers[static_cast<size_t>(id)];
    if (rng() % 10 < 7) {
      if (timer.is_pending()) {
        ASSERT_TRUE(timer.cancel());
        forget(id);
      } else {
        const uint64_t deadline = now + rng() % (rng() % 2 == 0 ? span_ns : span_ns / 97 + 1);
        queue.insert(timer, deadline);
        model.emplace(deadline, id);
      }
    } else {
      now += rng() % (span_ns / 8 + 1);
      log.clear();
      queue.expire(now);
      uint64_t last_tick = 0;
      for (int expired : log) {
        const auto it = std::find_if(model.begin(), model.end(),
                                     [&](const auto& e) { return e.second == expired; });
        ASSERT_NE(it, model.end());
        ASSERT_LE(it->first, now);
        ASSERT_LE(last_tick, it->first >> 10);
        last_tick = it->first >> 10;
        model.erase(it);
      }
      ASSERT_TRUE(model.empty() || model.begin()->first > now);
    }
    ASSERT_EQ(queue.size(), model.size());
    const uint64_t next = queue.next_deadline_ns();
    ASSERT_LE(next, model.empty() ? kNever : model.begin()->first);
    ASSERT_EQ(next == kNever, model.empty());
  }
  for (auto& timer : timers) timer->cancel();
}

TEST(TimerWheel, AgreesWithAMultimap) {
  uint32_t seed = 0;
  for (uint64_t span_ns = 100; span_ns < uint64_t{1} << 52; span_ns *= 9) {
    compare_with_a_multimap(seed++, span_ns);
  }
}

// Who sleeps alone is woken once, at the deadline, not on the way through the levels.
TEST(TimerWheel, AFewTimersAreExactAtAnyDistance) {
  for (uint64_t deadline = 5; deadline < uint64_t{1} << 60; deadline *= 7) {
    TimerWheel wheel;
    std::vector<int> log;
    Recorder timer(1, log);
    wheel.expire(3);
    wheel.insert(timer, deadline);
    EXPECT_EQ(wheel.next_deadline_ns(), deadline);
    wheel.expire(deadline - 1);
    EXPECT_TRUE(log.empty());
    EXPECT_EQ(wheel.next_deadline_ns(), deadline);
    wheel.expire(deadline);
    EXPECT_EQ(log.size(), 1u);
    EXPECT_EQ(wheel.next_deadline_ns(), kNever);
  }
}

TEST(TimerWheel, ManyTimersExpireInOrder) {
  TimerWheel queue;
  std::vector<int> log;
  std::vector<std::unique_ptr<Recorder>> timers;
  for (int i = 0; i < 200000; ++i) {
    timers.push_back(std::make_unique<Recorder>(i, log));
    queue.insert(*timers.back(), static_cast<uint64_t>(i) * 100);
  }
  queue.expire(kNever);
  ASSERT_EQ(log.size(), timers.size());
  EXPECT_TRUE(std::is_sorted(log.begin(), log.end()));
}

}  // namespace
}  // namespace nacre::coro
