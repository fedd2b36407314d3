// Random operations against a page-by-page model, in all three modes, with the frame source failing
// at random.
#include "nacre/base/paging/page_table.hh"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <random>
#include <set>

namespace nacre::paging {
namespace {

// Tables at invented physical addresses.
class FakeFrames {
 public:
  using Table = std::array<Entry, kEntriesPerTable>;

  std::optional<PhysAddr> allocate_table() noexcept {
    if (fail_after == 0) return std::nullopt;
    --fail_after;
    const PhysAddr frame(next_);
    next_ += kPageSize;
    tables_[frame.value()] = std::make_unique<Table>();
    return frame;
  }
  void free_table(PhysAddr frame) noexcept { EXPECT_EQ(tables_.erase(frame.value()), 1u); }
  Entry* table_at(PhysAddr frame) noexcept { return tables_.at(frame.value())->data(); }
  [[nodiscard]] size_t live() const { return tables_.size(); }

  uint64_t fail_after = ~uint64_t{0};

 private:
  uint64_t next_ = 0x4000'0000;
  std::map<uint64_t, std::unique_ptr<Table>> tables_;
};
static_assert(FrameSource<FakeFrames>);

struct ModelPage {
  uint64_t target;
  Attributes attributes;
};

class PageTableTest : public testing::TestWithParam<Mode> {
 protected:
  PageTable<FakeFrames> make() {
    return PageTable<FakeFrames>(frames_, GetParam(), *frames_.allocate_table());
  }
  FakeFrames frames_;
};

INSTANTIATE_TEST_SUITE_P(Modes, PageTableTest, testing::Values(Mode::Sv39, Mode::Sv48, Mode::Sv57));

constexpr Attributes kData{Access::ReadWrite, Privilege::User, Sharing::Local};
constexpr Attributes kCode{Access::ReadExecute, Privilege::Supervisor, Sharing::Global};

TEST_P(PageTableTest, UsesTheLargestLeavesThatFit) {
  auto table = make();
  const uint64_t gib = uint64_t{1} << 30;
  const uint64_t mib2 = uint64_t{2} << 20;
  // One page, then 2 MiB leaves up to a GiB border, a GiB, and a page behind it.
  const VirtAddr start(2 * gib - mib2 - kPageSize);
  const PhysAddr target(5 * gib - mib2 - kPageSize);
  const ByteSize size(kPageSize + mib2 + gib + kPageSize);
  ASSERT_TRUE(table.map(start, target, size, kData));
  EXPECT_EQ(table.query(start)->leaf_size, ByteSize(kPageSize));
  EXPECT_EQ(table.query(VirtAddr(2 * gib - mib2))->leaf_size, ByteSize(mib2));
  EXPECT_EQ(table.query(VirtAddr(2 * gib + 12345))->leaf_size, ByteSize(gib));
  EXPECT_EQ(table.query(VirtAddr(2 * gib + 12345))->address, PhysAddr(5 * gib + 12345));
  EXPECT_EQ(table.query(VirtAddr(3 * gib))->leaf_size, ByteSize(kPageSize));
  EXPECT_FALSE(table.query(VirtAddr(3 * gib + kPageSize)));
  // Taking a page out of the middle splits, and everything else stays.
  ASSERT_TRUE(table.unmap(VirtAddr(2 * gib + mib2), ByteSize(kPageSize)));
  EXPECT_FALSE(table.query(VirtAddr(2 * gib + mib2)));
  EXPECT_EQ(table.query(VirtAddr(2 * gib + mib2 + kPageSize))->address,
            PhysAddr(5 * gib + mib2 + kPageSize));
  EXPECT_EQ(table.query(VirtAddr(2 * gib))->leaf_size, ByteSize(mib2));
  ASSERT_TRUE(table.unmap(start, size));
  EXPECT_EQ(frames_.live(), 1u);
}

TEST_P(PageTableTest, RefusesBadRanges) {
  auto table = make();
  const uint64_t half = lower_half_end(GetParam());
  const auto error_of = [&](uint64_t address, uint64_t size) {
    return table.map(VirtAddr(address), PhysAddr(0), ByteSize(size), kData).error();
  };
  EXPECT_EQ(error_of(1, kPageSize), MapError::Misaligned);
  EXPECT_EQ(error_of(0, 0), MapError::Misaligned);
  EXPECT_EQ(error_of(half, kPageSize), MapError::NotCanonical);
  EXPECT_EQ(error_of(half - kPageSize, 2 * kPageSize), MapError::NotCanonical);
  EXPECT_EQ(error_of(~uint64_t{0} - kPageSize + 1, 2 * kPageSize), MapError::NotCanonical);
  EXPECT_EQ(table.map(VirtAddr(0), PhysAddr(1), ByteSize(kPageSize), kData).error(),
            MapError::Misaligned);
  EXPECT_TRUE(
      table.map(VirtAddr(~uint64_t{0} - kPageSize + 1), PhysAddr(0), ByteSize(kPageSize), kCode));
  EXPECT_TRUE(table.unmap(VirtAddr(~uint64_t{0} - kPageSize + 1), ByteSize(kPageSize)));
}

TEST_P(PageTableTest, UpperHalfIsSharedByLaterRoots) {
  auto kernel = make();
  const VirtAddr base(upper_half_begin(GetParam()));
  ASSERT_TRUE(kernel.prepare_upper(base, ByteSize::gib(2)));
  auto domain = make();
  domain.share_upper_half(kernel);
  ASSERT_TRUE(kernel.map(base, PhysAddr(0x8000'0000), ByteSize(kPageSize), kCode));
  EXPECT_EQ(domain.query(base), kernel.query(base));
  ASSERT_TRUE(kernel.unmap(base, ByteSize(kPageSize)));
  EXPECT_FALSE(domain.query(base));
  ASSERT_TRUE(kernel.map(base, PhysAddr(0x9000'0000), ByteSize(kPageSize), kData));
  EXPECT_EQ(domain.query(base)->address, PhysAddr(0x9000'0000));
}

TEST_P(PageTableTest, EntriesRoundTrip) {
  for (Access access : {Access::Read, Access::ReadWrite, Access::ReadExecute}) {
    for (Privilege privilege : {Privilege::Supervisor, Privilege::User}) {
      for (Sharing sharing : {Sharing::Local, Sharing::Global}) {
        const Attributes attributes{access, privilege, sharing};
        const Entry entry = Entry::leaf(PhysAddr(0xff'ffff'ffff'f000), attributes);
        EXPECT_TRUE(entry.is_leaf());
        EXPECT_EQ(entry.attributes(), attributes);
        EXPECT_EQ(entry.frame(), PhysAddr(0xff'ffff'ffff'f000));
        EXPECT_NE(entry.bits() & 0b110, 0b100u) << "writable without readable is reserved";
        EXPECT_NE(entry.bits() & 0b1100, 0b1100u) << "writable and executable";
      }
    }
  }
  EXPECT_TRUE(Entry::table(PhysAddr(0x1000)).is_table());
}

// A pool of ranges around the borders of leaves of all sizes, so that operations overlap often.
class RandomRanges {
 public:
  explicit RandomRanges(Mode mode, uint32_t seed) : rng(seed) {
    const uint64_t gib = uint64_t{1} << 30;
    bases_ = {0,
              gib,
              2 * gib - (4 << 20),
              lower_half_end(mode) - 2 * gib,
              upper_half_begin(mode),
              uint64_t{0} - gib};
  }
  uint64_t address() {
    const uint64_t unit = pick({kPageSize, 16 * kPageSize, uint64_t{2} << 20});
    return bases_[rng() % bases_.size()] + unit * (rng() % 8);
  }
  uint64_t size() { return pick({1, 1, 3, 16, 511, 512, 513, 1024}) * kPageSize; }
  uint64_t target() { return (rng() % 4 * 512 + pick({0, 0, 0, 1, 511})) * kPageSize; }
  Attributes attributes() {
    return {static_cast<Access>(rng() % 3), static_cast<Privilege>(rng() % 2),
            static_cast<Sharing>(rng() % 2)};
  }
  uint64_t pick(std::initializer_list<uint64_t> values) {
    return values.begin()[rng() % values.size()];
  }

  std::mt19937 rng;

 private:
  std::vector<uint64_t> bases_;
};

bool overlaps(const std::map<uint64_t, ModelPage>& model, uint64_t address, uint64_t size) {
  const auto next = model.lower_bound(address);
  return next != model.end() && next->first - address < size;
}

void expect_equal(const PageTable<FakeFrames>& table, const std::map<uint64_t, ModelPage>& model,
                  uint64_t address, uint64_t size) {
  for (uint64_t at = address; at - address < size; at += kPageSize) {
    const auto found = model.find(at);
    const auto translation = table.query(VirtAddr(at));
    ASSERT_EQ(translation.has_value(), found != model.end()) << std::hex << at;
    if (!translation) continue;
    ASSERT_EQ(translation->address.value(), found->second.target) << std::hex << at;
    ASSERT_EQ(translation->attributes, found->second.attributes) << std::hex << at;
  }
}

TEST_P(PageTableTest, AgreesWithTheModel) {
  for (uint32_t seed = 0; seed < 24; ++seed) {
    RandomRanges random(GetParam(), seed);
    auto table = make();
    std::map<uint64_t, ModelPage> model;
    for (int step = 0; step < 300; ++step) {
      const uint64_t address = random.address();
      const uint64_t size = random.size();
      const uint64_t target = random.target();
      const Attributes attributes = random.attributes();
      frames_.fail_after = random.rng() % 4 == 0 ? random.rng() % 4 : ~uint64_t{0};
      const bool may_fail = frames_.fail_after != ~uint64_t{0};
      const auto what = random.rng() % 5;
      PageTable<FakeFrames>::Status status;
      if (what < 3) {
        status = table.map(VirtAddr(address), PhysAddr(target), ByteSize(size), attributes);
        if (overlaps(model, address, size)) {
          ASSERT_FALSE(status);
        } else if (status) {
          for (uint64_t i = 0; i < size; i += kPageSize)
            model[address + i] = {target + i, attributes};
        }
      } else if (what == 3) {
        status = table.unmap(VirtAddr(address), ByteSize(size));
        if (status) model.erase(model.lower_bound(address), model.lower_bound(address + size));
      } else {
        status = table.protect(VirtAddr(address), ByteSize(size), attributes);
        if (status) {
          for (auto it = model.lower_bound(address);
               it != model.end() && it->first - address < size; ++it) {
            it->second.attributes = attributes;
          }
        }
      }
      if (!status && status.error() == MapError::OutOfFrames) ASSERT_TRUE(may_fail);
      if (!status && what >= 3) ASSERT_EQ(status.error(), MapError::OutOfFrames);
      frames_.fail_after = ~uint64_t{0};
      ASSERT_NO_FATAL_FAILURE(expect_equal(table, model, address, size));
    }
    for (const auto& [address, page] : model) {
      const auto translation = table.query(VirtAddr(address));
      ASSERT_TRUE(translation);
      ASSERT_EQ(translation->address.value(), page.target);
    }
    table.clear_lower_half();
    for (const auto& [address, page] : model) {
      ASSERT_EQ(table.query(VirtAddr(address)).has_value(), address >= lower_half_end(GetParam()));
    }
    const uint64_t upper = upper_half_begin(GetParam());
    ASSERT_TRUE(table.unmap(VirtAddr(upper), ByteSize(lower_half_end(GetParam()))));
    // What remains: the root and the shareable tables below it.
    unsigned kept = 1;
    for (unsigned i = 0; i < kEntriesPerTable; ++i) {
      const Entry entry = frames_.table_at(table.root())[i];
      if (!entry.is_valid()) continue;
      ASSERT_GE(i, kEntriesPerTable / 2);
      frames_.free_table(entry.frame());
      ++kept;
    }
    ASSERT_LE(kept, 3u);
    frames_.free_table(table.root());
    ASSERT_EQ(frames_.live(), 0u);
  }
}

TEST_P(PageTableTest, MapUndoesItselfWhenFramesRunOut) {
  // A range that needs tables on both sides of a GiB border.
  const uint64_t gib = uint64_t{1} << 30;
  for (uint64_t budget = 0; budget < 32; ++budget) {
    auto table = make();
    const size_t before = frames_.live();
    frames_.fail_after = budget;
    const auto status = table.map(VirtAddr(gib - 3 * kPageSize), PhysAddr(kPageSize),
                                  ByteSize(6 * kPageSize), kData);
    frames_.fail_after = ~uint64_t{0};
    if (status) {
      EXPECT_GE(budget, levels_of(GetParam()) - 1);
      return;
    }
    EXPECT_EQ(status.error(), MapError::OutOfFrames);
    EXPECT_EQ(frames_.live(), before);
    for (uint64_t i = 0; i < 6; ++i) {
      EXPECT_FALSE(table.query(VirtAddr(gib - 3 * kPageSize + i * kPageSize)));
    }
  }
  FAIL() << "32 frames did not suffice";
}

}  // namespace
}  // namespace nacre::paging
