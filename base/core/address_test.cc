#include "nacre/base/core/address.hh"

#include <gtest/gtest.h>

namespace nacre {
namespace {

TEST(ByteSize, PagesRoundUp) {
  EXPECT_EQ(ByteSize(0).pages_up(), 0u);
  EXPECT_EQ(ByteSize(1).pages_up(), 1u);
  EXPECT_EQ(ByteSize(4096).pages_up(), 1u);
  EXPECT_EQ(ByteSize(~uint64_t{0}).pages_up(), uint64_t{1} << 52);
}

TEST(Address, AlignmentAndDistance) {
  const PhysAddr a(0x1234);
  EXPECT_EQ(a.align_down(0x1000), PhysAddr(0x1000));
  EXPECT_EQ(a.align_up(0x1000), PhysAddr(0x2000));
  EXPECT_EQ(PhysAddr(0x2000) - a, ByteSize(0xdcc));
  EXPECT_EQ(format("{}", a), "0x1234");
}

TEST(Address, CheckedAddRefusesToWrap) {
  EXPECT_FALSE(UserAddr(~uint64_t{0}).checked_add(ByteSize(1)).has_value());
  EXPECT_EQ(UserAddr(1).checked_add(ByteSize(1)), UserAddr(2));
}

TEST(AddressDeathTest, WrappingIsABug) {
  EXPECT_DEATH((void)(VirtAddr(~uint64_t{0}) + ByteSize(1)), "assertion failed");
}

}  // namespace
}  // namespace nacre
