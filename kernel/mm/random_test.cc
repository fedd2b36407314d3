#include "nacre/kernel/mm/random.hh"

#include <gtest/gtest.h>

#include <set>

namespace nacre::mm {
namespace {

// RFC 8439, section 2.3.2.
TEST(ChaCha, BlockFunctionAgreesWithTheStandard) {
  const auto block = ChaChaRandom::block({0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c,
                                          0x13121110, 0x17161514, 0x1b1a1918, 0x1f1e1d1c},
                                         {0x00000001, 0x09000000, 0x4a000000, 0x00000000});
  const std::array<uint32_t, 16> expected{0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3,
                                          0xc7f4d1c7, 0x0368c033, 0x9aaa2204, 0x4e6cd4c3,
                                          0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
                                          0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2};
  EXPECT_EQ(block, expected);
}

TEST(ChaCha, SeedsMatterAndNumbersDiffer) {
  const uint8_t one[] = {1, 2, 3};
  const uint8_t two[] = {1, 2, 4};
  ChaChaRandom a(one);
  ChaChaRandom b(one);
  ChaChaRandom c(two);
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t value = a.next();
    EXPECT_EQ(value, b.next());
    EXPECT_NE(value, c.next());
    seen.insert(value);
  }
  EXPECT_EQ(seen.size(), 1000u);
  a.mix(two);
  EXPECT_NE(a.next(), b.next());
  uint8_t bytes[13] = {};
  a.fill(bytes);
  EXPECT_TRUE(std::any_of(std::begin(bytes), std::end(bytes), [](uint8_t x) { return x != 0; }));
}

}  // namespace
}  // namespace nacre::mm
