#include "kernel_layout.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "nacre/base/core/address.hh"

namespace nacre::loader {
namespace {

using paging::Mode;

constexpr abi::BootRequest kRequest = {.magic = abi::BootRequest::kMagic,
                                       .version = abi::BootInfo::kVersion,
                                       .size = sizeof(abi::BootRequest),
                                       .boot_stack_pages = 64,
                                       .emergency_stack_pages = 8,
                                       .heap_bytes = 0,
                                       .paging_modes = 0x700,
                                       .placement = abi::BootRequest::Random};
constexpr uint64_t kImageSize = 0x12345;
constexpr uint64_t kMemoryEnd = uint64_t{3} << 30;

struct Plan {
  uint64_t direct_map;
  uint64_t image;
  std::vector<abi::BootCpu> cpus;

  [[nodiscard]] std::vector<abi::Range> pieces() const {
    std::vector<abi::Range> all = {{direct_map, kDirectMapSpan}, {image, 0x13000}};
    for (const abi::BootCpu& cpu : cpus) {
      all.insert(all.end(), {cpu.boot_stack, cpu.emergency_stack, cpu.tls});
    }
    return all;
  }
};

Plan plan(Mode mode, random::ChaChaRandom* random, size_t cpus) {
  KernelLayout layout(mode, random);
  Plan result{};
  result.direct_map = layout.place_direct_map(kMemoryEnd).value();
  result.image = layout.place_image(kImageSize).value();
  result.cpus.resize(cpus);
  EXPECT_TRUE(layout.place_cpus(kRequest, 0x321, result.cpus));
  return result;
}

class KernelLayoutInEveryMode : public testing::TestWithParam<Mode> {};
INSTANTIATE_TEST_SUITE_P(Modes, KernelLayoutInEveryMode,
                         testing::Values(Mode::Sv39, Mode::Sv48, Mode::Sv57));

void expect_apart_and_inside(Plan plan, Mode mode) {
  std::vector<abi::Range> pieces = plan.pieces();
  std::ranges::sort(pieces, {}, &abi::Range::begin);
  uint64_t behind = paging::upper_half_begin(mode) - kGuardSize;
  for (const abi::Range& piece : pieces) {
    EXPECT_GE(piece.begin, behind + kGuardSize);
    EXPECT_EQ(piece.begin % kPageSize, 0u);
    EXPECT_NE(piece.size, 0u);
    EXPECT_EQ(piece.size % kPageSize, 0u);
    behind = piece.begin + piece.size;
    EXPECT_GT(behind, piece.begin) << "not behind the end of the address space";
  }
  EXPECT_EQ(plan.direct_map % kDirectMapAlignment, 0u);
  EXPECT_EQ(plan.cpus[0].boot_stack.size, 64 * kPageSize);
  EXPECT_EQ(plan.cpus[0].tls.size, kPageSize);
}

TEST_P(KernelLayoutInEveryMode, PiecesAreApartAndInside) {
  for (uint8_t seed = 0; seed < 50; ++seed) {
    random::ChaChaRandom random(std::vector<uint8_t>{seed});
    expect_apart_and_inside(plan(GetParam(), &random, abi::BootInfo::kMaxCpus), GetParam());
  }
  expect_apart_and_inside(plan(GetParam(), nullptr, abi::BootInfo::kMaxCpus), GetParam());
}

TEST_P(KernelLayoutInEveryMode, FixedPlacesAreTheLinkers) {
  const Plan fixed = plan(GetParam(), nullptr, 2);
  EXPECT_EQ(fixed.image, kLinkAddress);
  EXPECT_EQ(fixed.direct_map, paging::upper_half_begin(GetParam()));
}

// Every bit of an address that can vary does, about half of the time.
TEST_P(KernelLayoutInEveryMode, EveryBitIsRandom) {
  constexpr int kRounds = 1000;
  const unsigned top = paging::address_bits(GetParam()) - 3;
  std::vector<std::vector<int>> ones(4, std::vector<int>(64, 0));
  random::ChaChaRandom random(std::vector<uint8_t>{1, 2, 3});
  for (int round = 0; round < kRounds; ++round) {
    const Plan p = plan(GetParam(), &random, 1);
    const uint64_t addresses[] = {p.direct_map, p.image, p.cpus[0].boot_stack.begin,
                                  p.cpus[0].tls.begin};
    for (size_t i = 0; i < 4; ++i) {
      for (unsigned bit = 0; bit < 64; ++bit) ones[i][bit] += addresses[i] >> bit & 1;
    }
  }
  for (size_t i = 0; i < 4; ++i) {
    for (unsigned bit = i == 0 ? 21 : 12; bit < top; ++bit) {
      EXPECT_GT(ones[i][bit], kRounds * 0.4) << "piece " << i << " bit " << bit;
      EXPECT_LT(ones[i][bit], kRounds * 0.6) << "piece " << i << " bit " << bit;
    }
  }
}

TEST(KernelLayout, TooMuchMemoryForTheModeIsRefused) {
  EXPECT_FALSE(KernelLayout(Mode::Sv39, nullptr).place_direct_map(uint64_t{256} << 30));
  EXPECT_TRUE(KernelLayout(Mode::Sv48, nullptr).place_direct_map(uint64_t{256} << 30));
}

}  // namespace
}  // namespace nacre::loader
