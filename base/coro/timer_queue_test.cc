#include "nacre/base/coro/timer_queue.hh"

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

TEST(TimerQueue, ExpiresInOrderUpToNow) {
  TimerQueue queue;
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

TEST(TimerQueue, AgreesWithAMultimap) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    std::mt19937 rng(seed);
    TimerQueue queue;
    std::vector<int> log;
    std::vector<std::unique_ptr<Recorder>> timers;
    for (int i = 0; i < 200; ++i) timers.push_back(std::make_unique<Recorder>(i, log));
    std::multimap<uint64_t, int> model;
    const auto forget = [&](int id) {
      for (auto it = model.begin(); it != model.end(); ++it) {
        if (it->second == id) return (void)model.erase(it);
      }
    };
    uint64_t now = 0;
    for (int step = 0; step < 3000; ++step) {
      const int id = static_cast<int>(rng() % timers.size());
      Recorder& timer = *timers[static_cast<size_t>(id)];
      if (rng() % 10 < 7) {
        if (timer.is_pending()) {
          timer.cancel();
          forget(id);
        } else {
          const uint64_t deadline = now + rng() % 500;
          queue.insert(timer, deadline);
          model.emplace(deadline, id);
        }
      } else {
        now += rng() % 60;
        log.clear();
        queue.expire(now);
        uint64_t last = 0;
        for (int expired : log) {
          const auto it = std::find_if(model.begin(), model.end(),
                                       [&](const auto& e) { return e.second == expired; });
          ASSERT_NE(it, model.end());
          ASSERT_LE(last, it->first);
          last = it->first;
          model.erase(it);
        }
      }
      ASSERT_EQ(queue.next_deadline_ns(), model.empty() ? kNever : model.begin()->first);
    }
  }
}

TEST(TimerQueue, LongListsOfSiblingsNeedNoStack) {
  TimerQueue queue;
  std::vector<int> log;
  std::vector<std::unique_ptr<Recorder>> timers;
  for (int i = 0; i < 200000; ++i) {
    timers.push_back(std::make_unique<Recorder>(i, log));
    queue.insert(*timers.back(), static_cast<uint64_t>(i));
  }
  queue.expire(kNever);
  ASSERT_EQ(log.size(), timers.size());
  EXPECT_TRUE(std::is_sorted(log.begin(), log.end()));
}

}  // namespace
}  // namespace nacre::coro
