#include "efi_text.hh"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace nacre::loader::efi {
namespace {

TEST(EfiWords, AreJoinedByBlanks) {
  std::array<char, 32> buffer{};
  Words words(buffer);
  EXPECT_EQ(words.text(), "");
  EXPECT_TRUE(words.append(std::string_view()));
  EXPECT_TRUE(words.append(std::string_view("log=info")));
  EXPECT_TRUE(words.append(std::u16string_view(u"a=\"b c\"")));
  EXPECT_TRUE(words.append(std::u16string_view()));
  EXPECT_EQ(words.text(), "log=info a=\"b c\"");
}

TEST(EfiWords, WideTextEndsAtItsNul) {
  std::array<char, 8> buffer{};
  Words words(buffer);
  EXPECT_TRUE(words.append(std::u16string_view(u"ab\0\x1234", 4)));
  EXPECT_EQ(words.text(), "ab");
}

TEST(EfiWords, WhatIsNoTextIsRefused) {
  std::array<char, 8> buffer{};
  Words words(buffer);
  EXPECT_TRUE(words.append(std::string_view("x")));
  for (const char16_t wrong : {u'\n', u'\x1f', u'\x7f', u'\u00e4', char16_t{0xd800}, u'\xffff'}) {
    EXPECT_FALSE(words.append(std::u16string(1, wrong)));
  }
  EXPECT_EQ(words.text(), "x");
}

TEST(EfiWords, WhatDoesNotFitIsRefusedAsAWhole) {
  for (size_t room = 0; room <= 6; ++room) {
    std::array<char, 6> buffer{};
    Words words(std::span(buffer).first(room));
    EXPECT_EQ(words.append(std::string_view("abc")), room >= 3) << room;
    EXPECT_EQ(words.append(std::u16string_view(u"de")), room == 6 || room == 2) << room;
    EXPECT_EQ(words.text(), room == 6 ? "abc de" : room >= 3 ? "abc" : room == 2 ? "de" : "");
  }
}

}  // namespace
}  // namespace nacre::loader::efi
