// Operations on ranges of an address space, and large pages.
#include <gmock/gmock.h>

#include "fake_machine.hh"
#include "nacre/kernel/mm/address_space.hh"
#include "ranges_model.hh"

namespace nacre::mm {
namespace {

constexpr ByteSize kLarge = ByteSize::mib(2);

Result<void> only_try(const std::function<Result<void>()>& call, const std::function<void()>&) {
  return call();
}

class RangesModel : public testing::TestWithParam<paging::Mode> {};
INSTANTIATE_TEST_SUITE_P(Modes, RangesModel,
                         testing::Values(paging::Mode::Sv39, paging::Mode::Sv48,
                                         paging::Mode::Sv57));

TEST_P(RangesModel, AgreesWithTheModel) {
  for (uint32_t seed = 0; seed < 6; ++seed) {
    FakeMachine fake(ByteSize::mib(64), GetParam(), seed);
    const uint64_t used = fake.memory.used();
    const auto budget = make_ref<Budget>(ByteSize::gib(1));
    auto space = *AddressSpace::create(fake.machine, budget);
    {
      RangesDriver driver(fake, *space, seed, only_try);
      for (int i = 0; i < 400; ++i) {
        ASSERT_NO_FATAL_FAILURE(driver.step()) << "seed " << seed << " step " << i;
        ASSERT_FALSE(HasFailure()) << "seed " << seed << " step " << i;
        ASSERT_LE(space->region_count(), driver.most_regions());
        if (i % 20 == 0) {
          ASSERT_NO_FATAL_FAILURE(driver.check_everything()) << "seed " << seed << " step " << i;
        }
      }
      ASSERT_NO_FATAL_FAILURE(driver.check_everything());
    }
    space = nullptr;
    ASSERT_EQ(fake.memory.used(), used);
    ASSERT_EQ(budget->used(), ByteSize());
  }
}

// A budget that is used up again and again: what does not fit changes nothing.
TEST_P(RangesModel, AgreesWithTheModelAtTheLimit) {
  for (uint32_t seed = 0; seed < 6; ++seed) {
    FakeMachine fake(ByteSize::mib(64), GetParam(), seed);
    const uint64_t used = fake.memory.used();
    const auto budget = make_ref<Budget>(ByteSize::kib(1200));
    auto space = *AddressSpace::create(fake.machine, budget);
    {
      RangesDriver driver(fake, *space, seed, only_try);
      for (int i = 0; i < 400; ++i) {
        ASSERT_NO_FATAL_FAILURE(driver.step()) << "seed " << seed << " step " << i;
        ASSERT_FALSE(HasFailure()) << "seed " << seed << " step " << i;
      }
      ASSERT_NO_FATAL_FAILURE(driver.check_everything());
    }
    space = nullptr;
    ASSERT_EQ(fake.memory.used(), used);
    ASSERT_EQ(budget->used(), ByteSize());
  }
}

// ---- single cases ----

class Ranges : public testing::Test {
 protected:
  FakeMachine fake{ByteSize::mib(64)};
  Ref<Budget> budget = make_ref<Budget>(ByteSize::mib(40));
  std::unique_ptr<AddressSpace> space = *AddressSpace::create(fake.machine, budget);

  UserAddr committed(ByteSize size) {
    const UserAddr start = *space->reserve(size);
    EXPECT_TRUE(space->commit(start, size));
    return start;
  }
  void protect(UserAddr start, ByteSize size, Access access) {
    auto flush = space->protect(start, size, access);
    ASSERT_TRUE(flush.has_value());
    std::move(*flush).discharge();
  }
  void unmap(UserAddr start, ByteSize size) {
    auto flush = space->unmap(start, size);
    ASSERT_TRUE(flush.has_value());
    std::move(*flush).discharge();
  }
  void discard(UserAddr start, ByteSize size) {
    auto flush = space->discard(start, size);
    ASSERT_TRUE(flush.has_value());
    std::move(*flush).discharge();
  }
  ByteSize leaf_at(UserAddr at) {
    const auto translation = space->translation(at);
    return translation ? translation->leaf_size : ByteSize();
  }
};

TEST_F(Ranges, ARegionIsCutAndJoinedAgain) {
  const UserAddr start = committed(ByteSize::pages(10));
  const ByteSize charged = budget->used();
  protect(start + ByteSize::pages(3), ByteSize::pages(4), Access::Read);
  EXPECT_EQ(space->region_count(), 3u);
  EXPECT_EQ(space->region_at(start + ByteSize::pages(3))->size, ByteSize::pages(4));
  EXPECT_EQ(space->fault(start + ByteSize::pages(6), FaultAccess::Write), FaultOutcome::Permission);
  EXPECT_EQ(space->fault(start + ByteSize::pages(7), FaultAccess::Write), FaultOutcome::Resolved);
  EXPECT_GT(budget->used(), charged) << "three regions' books and tables";
  protect(start, ByteSize::pages(10), Access::ReadWrite);
  EXPECT_EQ(space->region_count(), 1u);
  EXPECT_EQ(budget->used(), charged);
}

TEST_F(Ranges, APieceOfAReservationIsCommittedLater) {
  const UserAddr start = *space->reserve(ByteSize::pages(40));
  ASSERT_TRUE(space->commit(start, ByteSize::pages(20)));
  protect(start, ByteSize::pages(10), Access::Read);
  const UserAddr piece = start + ByteSize::pages(10);
  ASSERT_TRUE(space->commit(piece, ByteSize::pages(15)));
  EXPECT_EQ(space->fault(piece + ByteSize::pages(14), FaultAccess::Write), FaultOutcome::Resolved);
  EXPECT_EQ(space->fault(piece + ByteSize::pages(15), FaultAccess::Write), FaultOutcome::Guard);
}

TEST_F(Ranges, UnmappingTheMiddleGivesItsMemoryBack) {
  const UserAddr start = committed(ByteSize::pages(40));
  ASSERT_TRUE(space->populate(start, ByteSize::pages(40)));
  const uint64_t used = fake.memory.used();
  const ByteSize charged = budget->used();
  unmap(start + ByteSize::pages(5), ByteSize::pages(30));
  EXPECT_EQ(fake.memory.used(), used - 30);
  EXPECT_LT(budget->used(), charged - ByteSize::pages(20));
  EXPECT_EQ(space->region_count(), 2u);
  EXPECT_EQ(space->fault(start + ByteSize::pages(5), FaultAccess::Read), FaultOutcome::NoRegion);
  EXPECT_TRUE(space->translation(start + ByteSize::pages(4)).has_value());
  EXPECT_TRUE(space->translation(start + ByteSize::pages(35)).has_value());
  // The pieces go one by one.
  space->release(start);
  space->release(start + ByteSize::pages(35));
  EXPECT_EQ(space->region_count(), 0u);
}

TEST_F(Ranges, AnUnmapOverSeveralRegionsSkipsHoles) {
  const UserAddr one = UserAddr(0x10'0000);
  const UserAddr two = UserAddr(0x12'0000);
  const auto object = make_ref<FixedObject>(PhysAddr(0x1'0000'0000), ByteSize::pages(4));
  ASSERT_TRUE(space->map_at(one, object, 0, ByteSize::pages(4), Access::Read));
  ASSERT_TRUE(space->map_at(two, object, 0, ByteSize::pages(4), Access::Read));
  EXPECT_EQ(space->protect(one, two - one, Access::ReadWrite).error().code(), ErrorCode::NotFound);
  unmap(one + ByteSize::pages(2), two - one);
  EXPECT_EQ(space->region_count(), 2u);
  EXPECT_EQ(space->region_at(one)->size, ByteSize::pages(2));
  EXPECT_EQ(space->region_at(two + ByteSize::pages(2))->size, ByteSize::pages(2));
}

TEST_F(Ranges, WrongRangesAreRefused) {
  const UserAddr start = committed(ByteSize::pages(4));
  const auto code = [&](UserAddr at, ByteSize size) {
    return space->protect(at, size, Access::Read).error().code();
  };
  EXPECT_EQ(code(start + ByteSize(1), ByteSize(kPageSize)), ErrorCode::InvalidArgument);
  EXPECT_EQ(code(start, ByteSize(1)), ErrorCode::InvalidArgument);
  EXPECT_EQ(code(start, ByteSize()), ErrorCode::InvalidArgument);
  EXPECT_EQ(code(UserAddr(~uint64_t{0xfff}), ByteSize::pages(2)), ErrorCode::InvalidArgument);
  EXPECT_EQ(code(start, ByteSize::pages(5)), ErrorCode::NotFound);
  EXPECT_EQ(code(UserAddr(0), ByteSize::pages(1)), ErrorCode::NotFound);
}

TEST_F(Ranges, DiscardedMemoryIsZeroAndStaysCharged) {
  const UserAddr start = committed(ByteSize::pages(40));
  ASSERT_TRUE(space->write(start + ByteSize::pages(20), std::array<uint8_t, 1>{7}));
  ASSERT_TRUE(space->populate(start, ByteSize::pages(40)));
  const uint64_t used = fake.memory.used();
  const ByteSize charged = budget->used();
  discard(start + ByteSize::pages(1), ByteSize::pages(38));
  EXPECT_EQ(fake.memory.used(), used - 38);
  EXPECT_EQ(budget->used(), charged);
  std::array<uint8_t, 1> byte{1};
  ASSERT_TRUE(space->read(start + ByteSize::pages(20), byte));
  EXPECT_EQ(byte[0], 0);
}

// ---- large pages ----

TEST_F(Ranges, PopulateUsesLargePages) {
  const uint64_t used = fake.memory.used();
  const UserAddr start = committed(ByteSize::mib(5));
  ASSERT_TRUE(start.is_aligned(kLarge.bytes()));
  ASSERT_TRUE(space->populate(start, ByteSize::mib(5)));
  EXPECT_EQ(leaf_at(start), kLarge);
  EXPECT_EQ(leaf_at(start + kLarge), kLarge);
  EXPECT_EQ(leaf_at(start + kLarge + kLarge), ByteSize(kPageSize)) << "half of it is not committed";
  const uint64_t pages = ByteSize::mib(5).pages_up();
  EXPECT_LE(fake.memory.used() - used, pages + 6) << "and tables";
  EXPECT_LE(ByteSize::pages(fake.memory.used() - used), budget->used());
}

TEST_F(Ranges, ARangeInsideALargePageIsPopulatedBySmallOnes) {
  const UserAddr start = committed(kLarge);
  const uint64_t used = fake.memory.used();
  ASSERT_TRUE(space->populate(start + ByteSize(kPageSize), ByteSize::pages(16)));
  EXPECT_EQ(leaf_at(start + ByteSize(kPageSize)), ByteSize(kPageSize));
  EXPECT_LE(fake.memory.used() - used, 16u + 4);
}

TEST_F(Ranges, WithoutAFreeBlockSmallPagesDo) {
  // Single frames, none beside another that is free.
  std::vector<PhysAddr> held;
  while (const auto frame = fake.memory.frames.allocate()) held.push_back(*frame);
  std::vector<PhysAddr> kept;
  for (const PhysAddr frame : held) {
    if ((frame.value() >> kPageShift) % 2 == 0) {
      fake.memory.frames.free(frame);
    } else {
      kept.push_back(frame);
    }
  }
  const UserAddr start = committed(kLarge);
  ASSERT_TRUE(space->populate(start, kLarge));
  EXPECT_EQ(leaf_at(start), ByteSize(kPageSize));
  for (const PhysAddr frame : kept) fake.memory.frames.free(frame);
}

TEST_F(Ranges, LargePagesAreTakenWhileMemoryIsPlenty) {
  const UserAddr start = committed(ByteSize::mib(36));
  std::vector<PhysAddr> held;
  // 8 MiB are left, less than a quarter.
  while (fake.memory.frames.counts().free > ByteSize::mib(8).pages_up()) {
    held.push_back(*fake.memory.frames.allocate(9));
  }
  ASSERT_TRUE(space->populate(start, kLarge));
  EXPECT_EQ(leaf_at(start), ByteSize(kPageSize));
  for (const PhysAddr frame : held) fake.memory.frames.free(frame, 9);
  ASSERT_TRUE(space->populate(start + kLarge, kLarge));
  EXPECT_EQ(leaf_at(start + kLarge), kLarge);
}

// Whoever uses much memory in order gets large pages by faulting; whoever uses little does not get more than it needs.
TEST_F(Ranges, FaultsInOrderComeToLargePages) {
  const UserAddr start = committed(ByteSize::mib(16));
  uint64_t faults = 0;
  for (uint64_t page = 0; page < ByteSize::mib(16).pages_up(); ++page) {
    const UserAddr at = start + ByteSize::pages(page);
    if (space->translation(at)) continue;
    ASSERT_EQ(space->fault(at, FaultAccess::Write), FaultOutcome::Resolved);
    ++faults;
  }
  EXPECT_EQ(leaf_at(start), ByteSize(kPageSize));
  EXPECT_EQ(leaf_at(start + ByteSize::mib(6)), ByteSize(kPageSize));
  EXPECT_EQ(leaf_at(start + ByteSize::mib(8)), kLarge);
  EXPECT_EQ(leaf_at(start + ByteSize::mib(14)), kLarge);
  // 8 MiB by 64 KiB, but for a first block in small steps, and 8 MiB by 2 MiB.
  EXPECT_LE(faults, 128u + 4 + 4);
  EXPECT_LE(ByteSize::pages(fake.memory.used()), budget->used() + ByteSize::pages(300));
}

TEST_F(Ranges, OneTouchCostsNoLargePage) {
  const UserAddr start = committed(ByteSize::mib(16));
  const uint64_t used = fake.memory.used();
  ASSERT_EQ(space->fault(start + ByteSize::mib(9), FaultAccess::Write), FaultOutcome::Resolved);
  EXPECT_LE(fake.memory.used() - used, AnonymousObject::kSmallPages + 4);
}

TEST_F(Ranges, ALargePageIsSplitWhereProtectionChanges) {
  const UserAddr start = committed(kLarge);
  ASSERT_TRUE(space->populate(start, kLarge));
  ASSERT_TRUE(space->write(start + ByteSize::pages(100), std::array<uint8_t, 1>{9}));
  const auto frame = space->translation(start)->address;
  protect(start + ByteSize::pages(100), ByteSize::pages(1), Access::Read);
  EXPECT_EQ(leaf_at(start), ByteSize(kPageSize));
  for (const uint64_t page : {0, 99, 100, 101, 511}) {
    const auto translation = space->translation(start + ByteSize::pages(page));
    EXPECT_EQ(translation->address, frame + ByteSize::pages(page));
    EXPECT_EQ(translation->attributes.access, page == 100 ? Access::Read : Access::ReadWrite);
  }
}

TEST_F(Ranges, PartOfALargePageIsGivenBack) {
  const UserAddr start = committed(kLarge);
  ASSERT_TRUE(space->populate(start, kLarge));
  ASSERT_TRUE(space->write(start + ByteSize::pages(300), std::array<uint8_t, 1>{9}));
  const uint64_t used = fake.memory.used();
  unmap(start + ByteSize::pages(10), ByteSize::pages(200));
  EXPECT_EQ(fake.memory.used(), used - 200 + 1) << "but for the table of the split leaf";
  std::array<uint8_t, 1> byte{};
  ASSERT_TRUE(space->read(start + ByteSize::pages(300), byte));
  EXPECT_EQ(byte[0], 9);
}

TEST_F(Ranges, AClonesLargePageIsSplitByItsFirstWrite) {
  auto original = make_ref<AnonymousObject>(fake.memory.frames);
  ASSERT_TRUE(original->grow(512));
  ASSERT_TRUE(original->populate(0, 0, 512).has_value());
  const UserAddr start = *space->map_clone(original, Access::ReadWrite);
  ASSERT_EQ(space->fault(start, FaultAccess::Read), FaultOutcome::Resolved);
  EXPECT_EQ(leaf_at(start), kLarge);
  EXPECT_EQ(space->translation(start)->attributes.access, Access::Read);
  ASSERT_EQ(space->fault(start + ByteSize::pages(7), FaultAccess::Write), FaultOutcome::Resolved);
  EXPECT_EQ(leaf_at(start), ByteSize(kPageSize));
  EXPECT_EQ(space->translation(start + ByteSize::pages(6))->attributes.access, Access::Read);
  EXPECT_EQ(space->translation(start + ByteSize::pages(7))->attributes.access, Access::ReadWrite);
  EXPECT_NE(space->translation(start + ByteSize::pages(7))->address,
            space->translation(start)->address + ByteSize::pages(7));
  EXPECT_LE(fake.memory.used(), 512u + 40) << "one page was copied";
}

TEST_F(Ranges, PhysicalMemoryIsMappedByTheGigabyte) {
  const auto device = make_ref<FixedObject>(PhysAddr(0x8'0000'0000), ByteSize::gib(2));
  const auto start = space->map(device, 0, ByteSize::gib(2), Access::ReadWrite);
  ASSERT_TRUE(start.has_value());
  const uint64_t used = fake.memory.used();
  ASSERT_EQ(space->fault(*start, FaultAccess::Write), FaultOutcome::Resolved);
  EXPECT_EQ(leaf_at(*start), ByteSize::gib(1));
  EXPECT_EQ(leaf_at(*start + ByteSize::gib(1)), ByteSize::gib(1));
  EXPECT_LE(fake.memory.used() - used, 2u);
  protect(*start + kLarge, ByteSize(kPageSize), Access::Read);
  EXPECT_EQ(leaf_at(*start), kLarge);
  EXPECT_EQ(leaf_at(*start + kLarge), ByteSize(kPageSize));
  EXPECT_EQ(leaf_at(*start + ByteSize::gib(1)), ByteSize::gib(1));
}

}  // namespace
}  // namespace nacre::mm
