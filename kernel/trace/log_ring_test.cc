#include "nacre/kernel/trace/log_ring.hh"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <string>
#include <thread>

namespace nacre::trace {
namespace {

TEST(LogRing, IsAQueueThatCountsWhatItLoses) {
  std::mt19937 random(4);
  LogRing<256> ring;
  std::deque<std::string> expected;
  uint64_t lost = 0;
  uint64_t time = 0;
  for (unsigned round = 0; round < 20000; ++round) {
    if (random() % 2 == 0) {
      const std::string text(random() % 60, static_cast<char>('a' + random() % 26));
      if (ring.push(++time, text)) {
        expected.push_back(text);
      } else {
        ++lost;
      }
    } else if (!ring.is_empty()) {
      std::array<char, 64> out;
      ASSERT_FALSE(expected.empty());
      EXPECT_EQ(ring.pop(out), expected.front());
      expected.pop_front();
    } else {
      EXPECT_TRUE(expected.empty());
    }
    EXPECT_EQ(ring.lost(), lost);
  }
  EXPECT_GT(lost, 100u);
}

TEST(LogRing, CutsWhatIsLongerThanTheReader) {
  LogRing<64> ring;
  ASSERT_TRUE(ring.push(7, "a long line"));
  EXPECT_EQ(ring.front_time_ns(), 7u);
  std::array<char, 6> out;
  EXPECT_EQ(ring.pop(out), "a long");
  EXPECT_TRUE(ring.is_empty());
}

TEST(LogRing, OneProducerOneConsumer) {
  constexpr uint64_t kLines = 20000;
  LogRing<512> ring;
  std::thread producer([&] {
    for (uint64_t i = 0; i < kLines; ++i) (void)ring.push(i, std::to_string(i));
  });
  uint64_t seen = 0;
  int64_t last = -1;
  while (seen + ring.lost() < kLines) {
    if (ring.is_empty()) continue;
    const auto time = static_cast<int64_t>(ring.front_time_ns());
    std::array<char, 32> out;
    EXPECT_EQ(ring.pop(out), std::to_string(time));
    EXPECT_GT(time, last);
    last = time;
    ++seen;
  }
  producer.join();
  EXPECT_TRUE(ring.is_empty());
  EXPECT_GT(seen, 0u);
}

}  // namespace
}  // namespace nacre::trace
