// Random use of an address space against a model of its bytes, and the same use with the frames running out at every
// possible moment.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "fake_machine.hh"
#include "nacre/kernel/mm/address_space.hh"

namespace nacre::mm {
namespace {

struct ModelRegion {
  uint64_t size = 0;
  bool reservation = false;
  Access access = Access::ReadWrite;
  std::map<uint64_t, std::vector<uint8_t>> pages;  // what is accessible, by page of the region
};

// Drives both. Every operation may fail only if `may_fail`; a failed one must change nothing.
class Driver {
 public:
  Driver(AddressSpace& space, uint32_t seed, bool may_fail)
      : space_(space), rng_(seed), may_fail_(may_fail) {}

  void step() {
    switch (rng_() % 12) {
      case 0:
        reserve();
        break;
      case 1:
        publish();
        break;
      case 2:
      case 3:
      case 4:
        commit();
        break;
      case 5:
        release();
        break;
      case 6:
        zero();
        break;
      case 7:
        fault();
        break;
      case 8:
        protect();
        break;
      case 9:
      case 10:
        write();
        break;
      default:
        read();
        break;
    }
  }

  void check_everything() {
    for (const auto& [start, region] : regions_) {
      for (const auto& [page, bytes] : region.pages) {
        std::vector<uint8_t> got(kPageSize);
        ASSERT_TRUE(space_.read(UserAddr(start) + ByteSize::pages(page), got));
        ASSERT_EQ(got, bytes);
      }
    }
    ASSERT_EQ(space_.region_count(), regions_.size());
  }

 private:
  using Regions = std::map<uint64_t, ModelRegion>;

  uint64_t below(uint64_t bound) { return rng_() % bound; }
  Regions::iterator any_region() {
    auto it = regions_.begin();
    std::advance(it, below(regions_.size()));
    return it;
  }
  template <class R>
  bool failed(const R& result) {
    if (result) return false;
    EXPECT_TRUE(may_fail_) << result.error().to_string();
    EXPECT_TRUE(result.error().code() == ErrorCode::OutOfMemory) << result.error().to_string();
    return true;
  }

  void reserve() {
    if (regions_.size() > 12) return;
    const uint64_t pages = below(3) == 0 ? (uint64_t{8} << 30 >> 12) + 16 : 1 + below(200);
    const auto at = space_.reserve(ByteSize::pages(pages));
    if (failed(at)) return;
    regions_[at->value()] = {pages, true, Access::ReadWrite, {}};
  }
  void publish() {
    if (regions_.size() > 12) return;
    std::vector<uint8_t> bytes(1 + below(40 * kPageSize));
    for (uint8_t& b : bytes) b = static_cast<uint8_t>(rng_());
    const auto access = static_cast<Access>(below(3));
    const auto at = space_.publish(bytes, access);
    if (failed(at)) return;
    bytes.resize(ByteSize::pages(ByteSize(bytes.size()).pages_up()).bytes(), 0);
    ModelRegion& region = regions_[at->value()];
    region = {bytes.size() / kPageSize, false, access, {}};
    for (uint64_t i = 0; i < region.size; ++i) {
      region.pages[i].assign(bytes.begin() + i * kPageSize, bytes.begin() + (i + 1) * kPageSize);
    }
  }
  void commit() {
    if (regions_.empty()) return;
    auto& [start, region] = *any_region();
    const uint64_t page = below(std::min<uint64_t>(region.size, 2000));
    const uint64_t count = 1 + below(std::min<uint64_t>(region.size - page, 60));
    const auto done =
        space_.commit(UserAddr(start) + ByteSize::pages(page), ByteSize::pages(count));
    if (!region.reservation) {
      ASSERT_FALSE(done);
      return;
    }
    if (failed(done)) return;
    for (uint64_t i = page; i < page + count; ++i) {
      region.pages.try_emplace(i, std::vector<uint8_t>(kPageSize, 0));
    }
  }
  void release() {
    if (regions_.size() < 3) return;
    const auto it = any_region();
    space_.release(UserAddr(it->first));
    EXPECT_EQ(space_.fault(UserAddr(it->first), FaultAccess::Read), FaultOutcome::NoRegion);
    regions_.erase(it);
  }
  void protect() {
    if (regions_.empty()) return;
    auto& [start, region] = *any_region();
    const auto access = static_cast<Access>(below(3));
    auto flush = space_.protect(UserAddr(start), access);
    ASSERT_EQ(flush.has_value(), !region.reservation);
    if (!flush) return;
    std::move(*flush).discharge();
    region.access = access;
  }

  struct Target {
    uint64_t start;
    ModelRegion* region;
    uint64_t offset;
    uint64_t size;
    bool inside;  // all of it accessible
  };
  Target target() {
    auto& [start, region] = *any_region();
    uint64_t offset = below(std::min<uint64_t>(region.size, 300) * kPageSize);
    if (!region.pages.empty() && below(4) != 0) {
      auto it = region.pages.begin();
      std::advance(it, below(region.pages.size()));
      offset = it->first * kPageSize + below(kPageSize);
    }
    const uint64_t size = 1 + below(below(2) == 0 ? 100 : 3 * kPageSize);
    bool inside = true;
    for (uint64_t page = offset / kPageSize; page <= (offset + size - 1) / kPageSize; ++page) {
      inside = inside && region.pages.contains(page);
    }
    return {start, &region, offset, size, inside};
  }
  template <class F>
  void each_byte(const Target& t, F use) {
    for (uint64_t i = 0; i < t.size; ++i) {
      use(t.region->pages[(t.offset + i) / kPageSize][(t.offset + i) % kPageSize], i);
    }
  }

  void read() {
    if (regions_.empty()) return;
    const Target t = target();
    std::vector<uint8_t> out(t.size);
    const auto done = space_.read(UserAddr(t.start + t.offset), out);
    ASSERT_EQ(done.has_value(), t.inside) << "reading needs no memory";
    if (!t.inside) return;
    bool same = true;
    each_byte(t, [&](uint8_t& byte, uint64_t i) { same = same && out[i] == byte; });
    ASSERT_TRUE(same);
  }
  void write() {
    if (regions_.empty()) return;
    const Target t = target();
    std::vector<uint8_t> in(t.size);
    for (uint8_t& b : in) b = static_cast<uint8_t>(rng_());
    const auto done = space_.write(UserAddr(t.start + t.offset), in);
    if (!t.inside || t.region->access != Access::ReadWrite) {
      ASSERT_EQ(done.error().code(), ErrorCode::PermissionDenied);
      return;
    }
    if (!done) {
      // A first part may have been written.
      ASSERT_TRUE(failed(done));
      ASSERT_TRUE(space_.read(UserAddr(t.start + t.offset), in));
    }
    each_byte(t, [&](uint8_t& byte, uint64_t i) { byte = in[i]; });
  }
  void zero() {
    if (regions_.empty()) return;
    const Target t = target();
    const auto done = space_.zero(UserAddr(t.start + t.offset), ByteSize(t.size));
    ASSERT_EQ(done.has_value(), t.inside && t.region->access == Access::ReadWrite);
    if (done) each_byte(t, [&](uint8_t& byte, uint64_t) { byte = 0; });
  }
  void fault() {
    if (regions_.empty()) return;
    const Target t = target();
    const auto access = static_cast<FaultAccess>(below(3));
    const UserAddr at(t.start + t.offset);
    const FaultOutcome outcome = space_.fault(at, access);
    if (!t.region->pages.contains(t.offset / kPageSize)) {
      ASSERT_EQ(outcome, t.offset < t.region->size * kPageSize ? FaultOutcome::Guard
                                                               : FaultOutcome::NoRegion);
      return;
    }
    const bool allowed =
        access == FaultAccess::Read ||
        (access == FaultAccess::Write && t.region->access == Access::ReadWrite) ||
        (access == FaultAccess::Execute && t.region->access == Access::ReadExecute);
    if (!allowed) {
      ASSERT_EQ(outcome, FaultOutcome::Permission);
    } else if (outcome == FaultOutcome::Resolved) {
      const auto translation = space_.translation(at);
      ASSERT_TRUE(translation.has_value());
      ASSERT_EQ(translation->attributes.access, t.region->access);
      ASSERT_EQ(translation->attributes.privilege, paging::Privilege::User);
    } else {
      ASSERT_EQ(outcome, FaultOutcome::OutOfMemory);
      ASSERT_TRUE(may_fail_);
    }
  }

  AddressSpace& space_;
  std::mt19937 rng_;
  bool may_fail_;
  Regions regions_;
};

class AddressSpaceModel : public testing::TestWithParam<paging::Mode> {};
INSTANTIATE_TEST_SUITE_P(Modes, AddressSpaceModel,
                         testing::Values(paging::Mode::Sv39, paging::Mode::Sv48,
                                         paging::Mode::Sv57));

TEST_P(AddressSpaceModel, AgreesWithTheModel) {
  for (uint32_t seed = 0; seed < 10; ++seed) {
    FakeMachine fake(ByteSize::mib(64), GetParam(), seed);
    const uint64_t used = fake.memory.used();
    const auto budget = make_ref<Budget>(ByteSize::gib(1));
    auto space = *AddressSpace::create(fake.machine, budget);
    Driver driver(*space, seed, false);
    for (int i = 0; i < 600; ++i) {
      ASSERT_NO_FATAL_FAILURE(driver.step()) << "seed " << seed << " step " << i;
      ASSERT_LE(ByteSize::pages(fake.memory.used() - used), budget->used());
    }
    ASSERT_NO_FATAL_FAILURE(driver.check_everything());
    space = nullptr;
    ASSERT_EQ(fake.memory.used(), used);
    ASSERT_EQ(budget->used(), ByteSize());
  }
}

TEST_P(AddressSpaceModel, SurvivesRunningOutOfFramesAnywhere) {
  FakeMachine fake(ByteSize::mib(8), GetParam());
  const uint64_t used = fake.memory.used();
  const auto budget = make_ref<Budget>(ByteSize::gib(1));
  for (uint64_t frames = 0; frames < 120; ++frames) {
    fake.memory.leave(frames);
    {
      auto space = AddressSpace::create(fake.machine, budget);
      ASSERT_EQ(space.has_value(), frames != 0);
      if (space) {
        Driver driver(**space, static_cast<uint32_t>(frames), true);
        for (int i = 0; i < 60; ++i) {
          ASSERT_NO_FATAL_FAILURE(driver.step()) << "frames " << frames << " step " << i;
        }
        ASSERT_NO_FATAL_FAILURE(driver.check_everything());
      }
    }
    fake.memory.give_all_back();
    ASSERT_EQ(fake.memory.used(), used);
    ASSERT_EQ(budget->used(), ByteSize());
  }
}

}  // namespace
}  // namespace nacre::mm
