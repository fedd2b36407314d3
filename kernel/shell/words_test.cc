#include "nacre/kernel/shell/words.hh"

#include <gtest/gtest.h>

namespace nacre::shell {
namespace {

using Words = std::vector<std::string>;

TEST(Words, Split) {
  EXPECT_EQ(*split_words(""), Words());
  EXPECT_EQ(*split_words("  \t"), Words());
  EXPECT_EQ(*split_words(" run  a.wasm\tb "), (Words{"run", "a.wasm", "b"}));
  EXPECT_EQ(*split_words(R"(echo "a b" 'c "d"' e\ f "")"),
            (Words{"echo", "a b", "c \"d\"", "e f", ""}));
  EXPECT_EQ(*split_words(R"('a\b' "a\"b" x"y z")"), (Words{"a\\b", "a\"b", "xy z"}));
}

TEST(Words, QuotesEnd) {
  EXPECT_FALSE(split_words("echo \"a").has_value());
  EXPECT_FALSE(split_words("echo 'a\\'b'").has_value());
}

}  // namespace
}  // namespace nacre::shell
