// Copy-on-write clones against a plain array of bytes.
#include <gmock/gmock.h>

#include <random>

#include "fake_machine.hh"

namespace nacre::mm {
namespace {

constexpr uint64_t kPages = 24;

class Clones : public ::testing::Test {
 protected:
  Clones() : machine_(ByteSize::mib(16)) {
    space_ = std::move(*AddressSpace::create(machine_.machine, make_ref<Budget>(ByteSize::mib(8))));
    std::mt19937 rng(1);
    content_.resize(kPages * kPageSize - 500);
    for (uint8_t& byte : content_) byte = static_cast<uint8_t>(rng());
    auto original = make_ref<AnonymousObject>(machine_.machine.frames);
    EXPECT_TRUE(original->fill(content_));
    // Two pages that were never touched.
    EXPECT_TRUE(original->grow(kPages + 2));
    content_.resize((kPages + 2) * kPageSize, 0);
    original_ = original;
  }
  std::vector<uint8_t> all_of(UserAddr at) {
    std::vector<uint8_t> bytes(content_.size());
    EXPECT_TRUE(space_->read(at, bytes));
    return bytes;
  }
  std::vector<uint8_t> all_of_original() {
    std::vector<uint8_t> bytes(content_.size(), 0);
    for (uint64_t page = 0; page < original_->pages(); ++page) {
      const auto frame = original_->find(page);
      if (!frame) continue;
      const auto* from = machine_.memory.map().pointer<const uint8_t>(*frame);
      std::copy(from, from + kPageSize, bytes.begin() + static_cast<ptrdiff_t>(page * kPageSize));
    }
    return bytes;
  }
  // What user mode may do at an address, as the page table says.
  Access access_at(UserAddr at) { return space_->translation(at)->attributes.access; }

  FakeMachine machine_;
  std::unique_ptr<AddressSpace> space_;
  std::vector<uint8_t> content_;
  Ref<MemoryObject> original_;
};

TEST_F(Clones, ReadingCopiesNothing) {
  const UserAddr at = *space_->map_clone(original_, Access::ReadWrite);
  EXPECT_EQ(all_of(at), content_);
  const uint64_t used = machine_.memory.used();
  ASSERT_EQ(space_->fault(at, FaultAccess::Read), FaultOutcome::Resolved);
  EXPECT_EQ(access_at(at), Access::Read);
  EXPECT_EQ(space_->translation(at)->address, *original_->find(0));
  // Only tables.
  EXPECT_LE(machine_.memory.used() - used, 3u);
}

TEST_F(Clones, AWriteCopiesOnePageAndFlushesTheOldTranslation) {
  const UserAddr at = *space_->map_clone(original_, Access::ReadWrite);
  ASSERT_EQ(space_->fault(at, FaultAccess::Read), FaultOutcome::Resolved);
  const int flushes = machine_.tlb.ranges + machine_.tlb.spaces;
  ASSERT_EQ(space_->fault(at, FaultAccess::Write), FaultOutcome::Resolved);
  EXPECT_GT(machine_.tlb.ranges + machine_.tlb.spaces, flushes);
  EXPECT_EQ(access_at(at), Access::ReadWrite);
  EXPECT_NE(space_->translation(at)->address, *original_->find(0));
  EXPECT_EQ(all_of(at), content_);
  // The same through the kernel's own write.
  const UserAddr next = at + ByteSize(kPageSize);
  ASSERT_EQ(space_->fault(next, FaultAccess::Read), FaultOutcome::Resolved);
  ASSERT_TRUE(space_->write(next, std::array<uint8_t, 1>{99}));
  EXPECT_NE(space_->translation(next)->address, *original_->find(1));
  EXPECT_EQ(all_of_original(), content_);
}

TEST_F(Clones, ProtectingDoesNotOpenTheOriginal) {
  const UserAddr at = *space_->map_clone(original_, Access::Read);
  ASSERT_EQ(space_->fault(at, FaultAccess::Read), FaultOutcome::Resolved);
  std::move(*space_->protect(at, Access::ReadWrite)).discharge();
  EXPECT_FALSE(space_->translation(at).has_value());
  ASSERT_EQ(space_->fault(at, FaultAccess::Read), FaultOutcome::Resolved);
  EXPECT_EQ(access_at(at), Access::Read);
  ASSERT_EQ(space_->fault(at, FaultAccess::Write), FaultOutcome::Resolved);
  EXPECT_EQ(all_of_original(), content_);
}

// Two clones, changed at random in every way there is.
TEST_F(Clones, BehaveLikeCopies) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    std::mt19937 rng(seed);
    const uint64_t used = machine_.memory.used();
    const uint64_t charged = space_->budget().used().bytes();
    std::array<UserAddr, 2> at{*space_->map_clone(original_, Access::ReadWrite),
                               *space_->map_clone(original_, Access::ReadWrite)};
    std::array<std::vector<uint8_t>, 2> model{content_, content_};
    for (int step = 0; step < 200; ++step) {
      const size_t which = rng() % 2;
      const uint64_t offset = rng() % (content_.size() - 1);
      const uint64_t size = 1 + rng() % std::min<uint64_t>(9000, content_.size() - offset);
      const UserAddr address = at[which] + ByteSize(offset);
      const auto begin = model[which].begin() + static_cast<ptrdiff_t>(offset);
      switch (rng() % 5) {
        case 0: {
          std::vector<uint8_t> bytes(size, static_cast<uint8_t>(rng()));
          ASSERT_TRUE(space_->write(address, bytes));
          std::copy(bytes.begin(), bytes.end(), begin);
          break;
        }
        case 1:
          ASSERT_TRUE(space_->zero(address, ByteSize(size)));
          std::fill_n(begin, size, uint8_t{0});
          break;
        case 2:
          ASSERT_EQ(space_->fault(address, FaultAccess::Write), FaultOutcome::Resolved);
          ASSERT_EQ(access_at(address), Access::ReadWrite);
          // As user mode would.
          *machine_.memory.map().pointer<uint8_t>(space_->translation(address)->address) = 0x5a;
          *begin = 0x5a;
          break;
        case 3: {
          ASSERT_EQ(space_->fault(address, FaultAccess::Read), FaultOutcome::Resolved);
          const PhysAddr seen = space_->translation(address)->address;
          ASSERT_EQ(*machine_.memory.map().pointer<const uint8_t>(seen), *begin);
          break;
        }
        default: {
          std::vector<uint8_t> bytes(size);
          ASSERT_TRUE(space_->read(address, bytes));
          ASSERT_TRUE(std::equal(bytes.begin(), bytes.end(), begin));
        }
      }
    }
    EXPECT_EQ(all_of(at[0]), model[0]);
    EXPECT_EQ(all_of(at[1]), model[1]);
    EXPECT_EQ(all_of_original(), content_);
    for (const UserAddr clone : at) space_->release(clone);
    EXPECT_EQ(machine_.memory.used(), used);
    EXPECT_EQ(space_->budget().used().bytes(), charged);
  }
}

}  // namespace
}  // namespace nacre::mm
