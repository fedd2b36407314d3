#include "nacre/kernel/mm/address_space.hh"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <set>

#include "fake_machine.hh"

namespace nacre::mm {
namespace {

constexpr ByteSize kLinearMemory(ByteSize::gib(8) + ByteSize::kib(64));

std::vector<uint8_t> bytes_of(std::string_view text) {
  return {text.begin(), text.end()};
}

struct AddressSpaceTest : testing::Test {
  AddressSpaceTest() { make(); }

  void make() { space = *AddressSpace::create(fake.machine, budget); }
  std::vector<uint8_t> read(UserAddr address, size_t size) {
    std::vector<uint8_t> out(size, 0xee);
    EXPECT_TRUE(space->read(address, out));
    return out;
  }

  FakeMachine fake{ByteSize::mib(64)};
  uint64_t used_before = fake.memory.used();
  Ref<Budget> budget = make_ref<Budget>(ByteSize::mib(32));
  std::unique_ptr<AddressSpace> space;
};

TEST_F(AddressSpaceTest, LinearMemoryReservationsAreCheapAndGrow) {
  const uint64_t used = fake.memory.used();
  const UserAddr memory = *space->reserve(kLinearMemory);
  EXPECT_EQ(fake.memory.used(), used);
  EXPECT_LT(budget->used(), ByteSize::kib(8));
  EXPECT_EQ(space->fault(memory, FaultAccess::Read), FaultOutcome::Guard);

  ASSERT_TRUE(space->commit(memory, ByteSize::kib(64)));
  EXPECT_EQ(fake.memory.used(), used) << "a commit touches nothing";
  EXPECT_EQ(space->fault(memory + ByteSize(0xffff), FaultAccess::Write), FaultOutcome::Resolved);
  EXPECT_EQ(space->fault(memory + ByteSize::kib(64), FaultAccess::Write), FaultOutcome::Guard);
  ASSERT_TRUE(space->commit(memory + ByteSize::kib(64), ByteSize::kib(64)));
  EXPECT_EQ(space->fault(memory + ByteSize::kib(64), FaultAccess::Write), FaultOutcome::Resolved);
  EXPECT_EQ(space->fault(memory + ByteSize::gib(8), FaultAccess::Read), FaultOutcome::Guard);
  EXPECT_EQ(space->fault(memory + kLinearMemory, FaultAccess::Read), FaultOutcome::NoRegion);
  EXPECT_EQ(space->fault(memory - ByteSize(1), FaultAccess::Read), FaultOutcome::NoRegion);
  EXPECT_EQ(space->fault(memory, FaultAccess::Execute), FaultOutcome::Permission);
  EXPECT_EQ(space->region_at(memory)->committed, ByteSize::kib(128));
}

TEST_F(AddressSpaceTest, FaultsMapAheadMoreWhenTheyComeInOrder) {
  const UserAddr memory = *space->reserve(ByteSize::mib(1));
  ASSERT_TRUE(space->commit(memory, ByteSize::kib(192)));
  const auto mapped_pages = [&] {
    std::vector<uint64_t> pages;
    for (uint64_t page = 0; page < 64; ++page) {
      if (space->translation(memory + ByteSize::pages(page))) pages.push_back(page);
    }
    return pages;
  };
  // Far from everything: four pages.
  ASSERT_EQ(space->fault(memory + ByteSize::pages(29), FaultAccess::Write), FaultOutcome::Resolved);
  EXPECT_EQ(mapped_pages(), (std::vector<uint64_t>{28, 29, 30, 31}));
  const auto translation = space->translation(memory + ByteSize::pages(29));
  EXPECT_EQ(translation->attributes, (paging::Attributes{Access::ReadWrite, paging::Privilege::User,
                                                         paging::Sharing::Local}));
  // Behind what is there: the next sixteen.
  ASSERT_EQ(space->fault(memory + ByteSize::pages(32), FaultAccess::Write), FaultOutcome::Resolved);
  std::vector<uint64_t> expected(20);
  std::iota(expected.begin(), expected.end(), 28);
  EXPECT_EQ(mapped_pages(), expected);
  // Present already: a stale negative entry is flushed.
  EXPECT_EQ(space->fault(memory + ByteSize::pages(40), FaultAccess::Write), FaultOutcome::Resolved);
  EXPECT_EQ(fake.tlb.ranges, 1);
}

TEST_F(AddressSpaceTest, KernelReadsAndWritesLikeTheGuest) {
  const UserAddr memory = *space->reserve(kLinearMemory);
  ASSERT_TRUE(space->commit(memory, ByteSize::kib(128)));
  const UserAddr at = memory + ByteSize(4090);
  const uint64_t used = fake.memory.used();
  EXPECT_EQ(read(at, 20), std::vector<uint8_t>(20, 0)) << "what is not present reads as zero";
  EXPECT_EQ(fake.memory.used(), used);

  ASSERT_TRUE(space->write(at, bytes_of("across two pages")));
  EXPECT_EQ(read(at, 16), bytes_of("across two pages"));
  const auto mapped = space->translation(memory + ByteSize(4096));
  ASSERT_TRUE(mapped.has_value()) << "what the kernel writes is mapped for the guest as well";
  EXPECT_EQ(std::memcmp(fake.memory.map().pointer<char>(mapped->address), " two pages", 10), 0);

  ASSERT_TRUE(space->zero(at + ByteSize(3), ByteSize(8)));
  EXPECT_EQ(read(at, 4), (std::vector<uint8_t>{'a', 'c', 'r', 0}));
  EXPECT_EQ(read(at + ByteSize(11), 5), bytes_of("pages"));
  ASSERT_TRUE(space->zero(memory + ByteSize::kib(64), ByteSize::kib(64)));
}

TEST_F(AddressSpaceTest, BadRangesAreRefusedWhole) {
  const UserAddr memory = *space->reserve(kLinearMemory);
  ASSERT_TRUE(space->commit(memory, ByteSize::kib(64)));
  std::vector<uint8_t> buffer(100, 7);
  const auto refused = [&](UserAddr address) {
    return space->read(address, buffer).error().code() == ErrorCode::PermissionDenied &&
           space->write(address, buffer).error().code() == ErrorCode::PermissionDenied &&
           space->zero(address, ByteSize(100)).error().code() == ErrorCode::PermissionDenied;
  };
  EXPECT_TRUE(refused(memory + ByteSize(65536 - 99)));
  EXPECT_TRUE(refused(memory - ByteSize(1)));
  EXPECT_TRUE(refused(UserAddr(0)));
  EXPECT_TRUE(refused(UserAddr(~uint64_t{0})));
  EXPECT_TRUE(refused(UserAddr(uint64_t{1} << 63)));
  EXPECT_EQ(buffer, std::vector<uint8_t>(100, 7));
  EXPECT_EQ(read(memory + ByteSize(65536 - 99), 99), std::vector<uint8_t>(99, 0));
  EXPECT_TRUE(space->write(memory + ByteSize(65436), buffer));
  EXPECT_TRUE(space->read(UserAddr(3), {})) << "nothing of nothing";
}

TEST_F(AddressSpaceTest, PublishedCodeIsACopyThatNobodyWrites) {
  std::vector<uint8_t> code(70000);
  std::iota(code.begin(), code.end(), uint8_t{1});
  const UserAddr at = *space->publish(code, Access::ReadExecute);
  EXPECT_EQ(fake.tlb.synchronised, 1);
  EXPECT_EQ(read(at, code.size()), code);
  EXPECT_EQ(read(at + ByteSize(70000), 3632), std::vector<uint8_t>(3632, 0));
  for (uint64_t page = 0; page < 18; ++page) {
    const auto translation = space->translation(at + ByteSize::pages(page));
    ASSERT_TRUE(translation.has_value());
    EXPECT_EQ(translation->attributes.access, Access::ReadExecute);
  }
  EXPECT_EQ(space->fault(at, FaultAccess::Write), FaultOutcome::Permission);
  EXPECT_EQ(space->fault(at, FaultAccess::Execute), FaultOutcome::Resolved);
  EXPECT_EQ(space->write(at, code).error().code(), ErrorCode::PermissionDenied);
  EXPECT_EQ(space->commit(at, ByteSize(1)).error().code(), ErrorCode::InvalidArgument);

  auto flush = space->protect(at, Access::ReadWrite);
  std::move(*flush).discharge();
  EXPECT_EQ(space->translation(at)->attributes.access, Access::ReadWrite);
  EXPECT_TRUE(space->write(at, bytes_of("patched")));
  std::move(*space->protect(at, Access::ReadExecute)).discharge();
  EXPECT_EQ(fake.tlb.synchronised, 2);
  EXPECT_EQ(space->fault(at, FaultAccess::Write), FaultOutcome::Permission);
  EXPECT_FALSE(space->protect(at + ByteSize(4096), Access::Read));
}

TEST_F(AddressSpaceTest, ListsItsRegionsByAddress) {
  const size_t before = space->list_regions().size();
  const UserAddr memory = *space->reserve(ByteSize::mib(1));
  ASSERT_TRUE(space->commit(memory, ByteSize::kib(64)));
  const std::vector<uint8_t> code(5000, 0x13);
  const UserAddr published = *space->publish(code, Access::ReadExecute);
  const auto regions = space->list_regions();
  ASSERT_EQ(regions.size(), before + 2);
  for (size_t i = 1; i < regions.size(); ++i)
    EXPECT_GT(regions[i].start, regions[i - 1].start + regions[i - 1].size);
  for (const AddressSpace::RegionInfo& region : regions) {
    if (region.start == memory) {
      EXPECT_TRUE(region.reservation);
      EXPECT_EQ(region.committed, ByteSize::kib(64));
    }
    if (region.start == published) {
      EXPECT_FALSE(region.reservation);
      EXPECT_EQ(region.access, Access::ReadExecute);
      EXPECT_EQ(region.size, ByteSize::kib(8));
    }
  }
}

TEST_F(AddressSpaceTest, SharedObjectsAreMappedWhereAskedAndNotCharged) {
  const auto image = *fake.memory.frames.allocate(5, Zeroing::Zeroed);
  fake.memory.map().pointer<char>(image)[5000] = 'x';
  {
    const auto object = make_ref<FixedObject>(image, ByteSize::pages(32));
    const ByteSize used = budget->used();
    const UserAddr at = *space->map(object, 1, ByteSize::pages(31), Access::Read);
    EXPECT_LT(budget->used() - used, ByteSize::kib(32));
    EXPECT_EQ(read(at + ByteSize(5000 - 4096), 1)[0], 'x');
    EXPECT_EQ(space->fault(at, FaultAccess::Read), FaultOutcome::Resolved);
    EXPECT_EQ(space->translation(at + ByteSize::pages(30))->address, image + ByteSize::pages(31));
    EXPECT_FALSE(space->map(object, 1, ByteSize::pages(32), Access::Read));
    EXPECT_FALSE(space->map(object, 40, ByteSize(1), Access::Read));
    const auto map_at = [&](UserAddr where) {
      auto result = space->map_at(where, object, 0, ByteSize(1), Access::Read);
      return result ? ErrorCode::Cancelled : result.error().code();
    };
    EXPECT_EQ(map_at(at), ErrorCode::AlreadyExists);
    EXPECT_EQ(map_at(at + ByteSize::pages(31)), ErrorCode::AlreadyExists) << "the gap behind it";
    EXPECT_EQ(map_at(UserAddr(0)), ErrorCode::AlreadyExists);
    EXPECT_EQ(map_at(UserAddr(0xf000)), ErrorCode::AlreadyExists) << "below the lowest address";
    EXPECT_EQ(map_at(UserAddr(0x10001)), ErrorCode::InvalidArgument);
    EXPECT_EQ(map_at(UserAddr(uint64_t{1} << 47)), ErrorCode::AlreadyExists);
    EXPECT_EQ(map_at(UserAddr(0x10000)), ErrorCode::Cancelled);
    space = nullptr;
  }
  fake.memory.frames.free(image, 5);
  EXPECT_EQ(fake.memory.used(), used_before);
}

TEST_F(AddressSpaceTest, DestroyingFreesEveryFrame) {
  for (int i = 0; i < 3; ++i) {
    const UserAddr memory = *space->reserve(kLinearMemory);
    ASSERT_TRUE(space->commit(memory, ByteSize::mib(2)));
    ASSERT_TRUE(space->commit(memory + ByteSize::mib(5), ByteSize::kib(4)));
    for (uint64_t offset = 0; offset < (2 << 20); offset += 50000) {
      ASSERT_EQ(space->fault(memory + ByteSize(offset), FaultAccess::Write),
                FaultOutcome::Resolved);
    }
    ASSERT_TRUE(space->write(memory + ByteSize::mib(5), bytes_of("x")));
    ASSERT_TRUE(space->publish(bytes_of("code"), Access::ReadExecute));
    if (i == 1) space->release(memory);
  }
  EXPECT_GT(fake.memory.used(), used_before + 1000);
  space = nullptr;
  EXPECT_EQ(fake.memory.used(), used_before);
  EXPECT_EQ(budget->used(), ByteSize());
}

TEST_F(AddressSpaceTest, UnmappedFramesLiveUntilTheFlush) {
  const uint64_t used = fake.memory.used();
  const UserAddr memory = *space->reserve(ByteSize::mib(1));
  ASSERT_TRUE(space->commit(memory, ByteSize::mib(1)));
  ASSERT_EQ(space->fault(memory, FaultAccess::Write), FaultOutcome::Resolved);
  const uint64_t touched = fake.memory.used();
  auto flush = space->unmap(memory);
  EXPECT_EQ(space->fault(memory, FaultAccess::Write), FaultOutcome::NoRegion);
  EXPECT_EQ(fake.memory.used(), touched);
  std::move(*flush).discharge();
  EXPECT_EQ(fake.tlb.spaces, 1) << "tables went, so all of the space is flushed";
  EXPECT_EQ(fake.memory.used(), used);
  EXPECT_EQ(space->unmap(memory).error().code(), ErrorCode::NotFound);
}

TEST_F(AddressSpaceTest, AnUndischargedFlushIsABug) {
  const UserAddr memory = *space->reserve(ByteSize::mib(1));
  EXPECT_DEATH((void)space->unmap(memory), "tlb_");
}

TEST_F(AddressSpaceTest, CommitsOfAnyShapeMerge) {
  const UserAddr memory = *space->reserve(ByteSize::mib(16));
  const auto commit = [&](uint64_t page, uint64_t count) {
    ASSERT_TRUE(space->commit(memory + ByteSize::pages(page), ByteSize::pages(count)));
  };
  commit(100, 10);
  commit(300, 10);
  commit(200, 10);
  EXPECT_EQ(space->region_at(memory)->committed, ByteSize::pages(30));
  commit(105, 100);
  EXPECT_EQ(space->region_at(memory)->committed, ByteSize::pages(120));
  commit(0, 4096);
  EXPECT_EQ(space->region_at(memory)->committed, ByteSize::mib(16));
  EXPECT_FALSE(space->commit(memory, ByteSize::mib(16) + ByteSize(1)));
  EXPECT_FALSE(space->commit(memory + ByteSize::mib(16), ByteSize(1)));
}

// A page committed later into a block of 16 that is partly present and mapped.
TEST_F(AddressSpaceTest, BlocksFillUpPageByPage) {
  const UserAddr memory = *space->reserve(ByteSize::mib(1));
  for (uint64_t page = 0; page < 40; ++page) {
    const UserAddr at = memory + ByteSize::pages(page);
    ASSERT_TRUE(space->commit(at, ByteSize(kPageSize)));
    ASSERT_EQ(space->fault(at, FaultAccess::Write), FaultOutcome::Resolved);
    ASSERT_TRUE(space->translation(at).has_value());
    ASSERT_TRUE(space->write(at, bytes_of("p")));
  }
}

TEST_F(AddressSpaceTest, BudgetIsChargedAtCommit) {
  const UserAddr memory = *space->reserve(kLinearMemory);
  EXPECT_EQ(space->commit(memory, ByteSize::mib(32)).error().code(), ErrorCode::LimitExceeded);
  EXPECT_EQ(space->fault(memory, FaultAccess::Read), FaultOutcome::Guard);
  ASSERT_TRUE(space->commit(memory, ByteSize::mib(31)));
  EXPECT_EQ(space->reserve(ByteSize::mib(1)).has_value(), true);
  EXPECT_EQ(space->publish(std::vector<uint8_t>(2 << 20), Access::Read).error().code(),
            ErrorCode::LimitExceeded);
  // What is committed can be touched to the last byte: more than that was not charged by faults.
  const ByteSize used = budget->used();
  for (uint64_t offset = 0; offset < (31 << 20); offset += kPageSize) {
    ASSERT_EQ(space->fault(memory + ByteSize(offset), FaultAccess::Write), FaultOutcome::Resolved);
  }
  EXPECT_EQ(budget->used(), used);
  EXPECT_LE(ByteSize::pages(fake.memory.used() - used_before), used);
  space->release(memory);
  EXPECT_LT(budget->used(), ByteSize::kib(16));
}

TEST_F(AddressSpaceTest, TooLittleBudgetForASpace) {
  const auto tiny = make_ref<Budget>(ByteSize(4095));
  EXPECT_EQ(AddressSpace::create(fake.machine, tiny).error().code(), ErrorCode::LimitExceeded);
}

TEST_F(AddressSpaceTest, SatpNamesModeAsidAndRoot) {
  const uint64_t satp = space->satp();
  EXPECT_EQ(satp >> 60, 9u);
  EXPECT_EQ(satp >> 44 & 0xffff, space->asid());
  EXPECT_NE(space->asid(), 0);
  const auto other = *AddressSpace::create(fake.machine, budget);
  EXPECT_NE(other->asid(), space->asid());
  EXPECT_NE(other->satp() << 20, satp << 20);
}

TEST(AddressSpacePlacement, IsRandomAndLeavesGaps) {
  for (auto mode : {paging::Mode::Sv39, paging::Mode::Sv48, paging::Mode::Sv57}) {
    std::set<uint64_t> places;
    for (uint64_t seed = 0; seed < 8; ++seed) {
      FakeMachine fake(ByteSize::mib(8), mode, seed);
      const auto budget = make_ref<Budget>(ByteSize::mib(32));
      const auto space = *AddressSpace::create(fake.machine, budget);
      std::vector<std::pair<uint64_t, uint64_t>> regions;
      for (int i = 0; i < 40; ++i) {
        const ByteSize size = i % 4 == 0 ? ByteSize::gib(4) : ByteSize(1 + i * 3000);
        const UserAddr at = *space->reserve(size);
        ASSERT_GE(at.value(), AddressSpace::kLowestAddress);
        ASSERT_LT(at.value() + size.bytes(), paging::lower_half_end(mode));
        regions.emplace_back(at.value(), ByteSize::pages(size.pages_up()).bytes());
        places.insert(at.value());
      }
      std::sort(regions.begin(), regions.end());
      for (size_t i = 1; i < regions.size(); ++i) {
        EXPECT_GE(regions[i].first, regions[i - 1].first + regions[i - 1].second + (64 << 10));
      }
    }
    EXPECT_GT(places.size(), 310u) << "places repeat";
  }
}

TEST(AddressSpacePlacement, FindsTheLastHole) {
  FakeMachine fake(ByteSize::mib(8), paging::Mode::Sv39);
  const auto budget = make_ref<Budget>(ByteSize::mib(32));
  const auto space = *AddressSpace::create(fake.machine, budget);
  // 256 GiB hold at least 15 and at most 31 reservations of 8 GiB, wherever chance puts them.
  std::vector<UserAddr> memories;
  while (true) {
    const auto memory = space->reserve(kLinearMemory);
    if (!memory) {
      EXPECT_EQ(memory.error().code(), ErrorCode::LimitExceeded);
      break;
    }
    memories.push_back(*memory);
  }
  EXPECT_GE(memories.size(), 15u);
  EXPECT_LE(memories.size(), 31u);
  space->release(memories[3]);
  EXPECT_TRUE(space->reserve(kLinearMemory).has_value());
  EXPECT_FALSE(space->reserve(kLinearMemory).has_value());
  EXPECT_FALSE(space->reserve(ByteSize::gib(300)).has_value());
  EXPECT_FALSE(space->reserve(ByteSize(~uint64_t{0})).has_value());
  EXPECT_FALSE(space->reserve(ByteSize()).has_value());
}

TEST(AsidAllocator, HandsOutEachOnce) {
  AsidAllocator asids(3);
  std::set<uint16_t> seen;
  for (int i = 0; i < 7; ++i) EXPECT_TRUE(seen.insert(asids.allocate()).second);
  EXPECT_FALSE(seen.contains(0));
  EXPECT_EQ(asids.allocate(), AsidAllocator::kShared);
  asids.free(AsidAllocator::kShared);
  asids.free(5);
  EXPECT_EQ(asids.allocate(), 5);
  AsidAllocator none(0);
  EXPECT_EQ(none.allocate(), AsidAllocator::kShared);
  EXPECT_EQ(none.allocate(), AsidAllocator::kShared);
}

}  // namespace
}  // namespace nacre::mm
