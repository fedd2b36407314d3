#include "nacre/base/core/lock_rank.hh"

#include <gtest/gtest.h>

namespace nacre {
namespace {

TEST(LockRank, LaterOnesAreTakenInsideEarlierOnes) {
  HeldLocks held;
  for (size_t i = 0; i < kLockRankNames.size(); ++i) held.take(static_cast<LockRank>(i));
  held.give_back(LockRank::Heap);
  held.give_back(LockRank::Frames);
  held.give_back(LockRank::FrameCache);
  held.take(LockRank::Frames);
  for (size_t i = 0; i < kLockRankNames.size(); ++i) held.give_back(static_cast<LockRank>(i));
  EXPECT_TRUE(held.is_empty());
}

TEST(LockRank, AnEarlierOneInsideALaterOneIsReportedWithBothNames) {
  HeldLocks held;
  held.take(LockRank::Scope);
  held.take(LockRank::ReadyQueue);
  EXPECT_DEATH(held.take(LockRank::Waited), "Waited is taken by one who holds ReadyQueue");
  held.give_back(LockRank::ReadyQueue);
  held.take(LockRank::Waited);
}

TEST(LockRank, TwoOfOneRankOnlyWhenSaidSo) {
  HeldLocks held;
  held.take(LockRank::ReadyQueue);
  EXPECT_DEATH(held.take(LockRank::ReadyQueue), "ReadyQueue is taken by one who holds ReadyQueue");
  held.take_second(LockRank::ReadyQueue);
  held.take(LockRank::Heap);
  EXPECT_DEATH(held.take_second(LockRank::ReadyQueue), "ReadyQueue is taken by one who holds Heap");
}

}  // namespace
}  // namespace nacre
