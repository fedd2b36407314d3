#include "nacre/base/core/format.hh"

#include <gtest/gtest.h>

#include <limits>

#include "nacre/base/core/error.hh"

namespace nacre {
namespace {

TEST(Format, Integers) {
  EXPECT_EQ(format("{} {} {}", 0, -1, 42u), "0 -1 42");
  EXPECT_EQ(format("{}", std::numeric_limits<int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(format("{}", std::numeric_limits<uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(format("{:x} {:08x} {:x}", 255, 0xabcd, int32_t{-1}), "ff 0000abcd ffffffff");
}

TEST(Format, Padding) {
  EXPECT_EQ(format("[{:>6}] [{:<6}] [{:6}]", 12, 12, "ab"), "[    12] [12    ] [    ab]");
  EXPECT_EQ(format("{:04}", -7), "-007");
}

TEST(Format, TextAndOthers) {
  EXPECT_EQ(format("{} {} {} {}", "literal", std::string("s"), true, 'c'), "literal s true c");
  EXPECT_EQ(format("{{}} {}", 1), "{} 1");
}

TEST(Format, MissingArgumentsAndStrayBracesPrintAsThemselves) {
  EXPECT_EQ(format("{} {}", 1), "1 {}");
  EXPECT_EQ(format("{ } {", 1), "1 {");
  EXPECT_EQ(format("}"), "}");
}

TEST(Error, TextNamesTheOffset) {
  EXPECT_EQ(Error(ErrorCode::Malformed, "bad magic", 4).to_string(), "bad magic (at offset 0x4)");
  EXPECT_EQ(Error(ErrorCode::NotFound, "no file").with_context("open").to_string(),
            "open: no file");
}

}  // namespace
}  // namespace nacre
