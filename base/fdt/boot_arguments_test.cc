#include "nacre/base/fdt/boot_arguments.hh"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "blob_builder.hh"

namespace nacre::fdt {
namespace {

TEST(BootArguments, Words) {
  const BootArguments a("  quiet log=warn,mm=trace\tinit=\"a b\" empty= x=y=z");
  EXPECT_EQ(a.value("quiet"), "");
  EXPECT_EQ(a.value("log"), "warn,mm=trace");
  EXPECT_EQ(a.value("init"), "a b");
  EXPECT_EQ(a.value("empty"), "");
  EXPECT_EQ(a.value("x"), "y=z");
  EXPECT_FALSE(a.has("b"));
  EXPECT_FALSE(a.has("lo"));
}

TEST(BootArguments, TheLastOneCounts) {
  EXPECT_EQ(BootArguments("a=1 a=2").value("a"), "2");
}

TEST(BootArguments, UnterminatedQuoteTakesTheRest) {
  EXPECT_EQ(BootArguments("a=\"b c").value("a"), "b c");
}

TEST(BootArguments, Numbers) {
  EXPECT_EQ(BootArguments("n=42").number("n"), 42u);
  EXPECT_EQ(BootArguments("n=3K").number("n"), 3072u);
  EXPECT_EQ(BootArguments("n=2G").number("n"), uint64_t{2} << 30);
  EXPECT_EQ(BootArguments("n=18446744073709551615").number("n"), ~uint64_t{0});
  for (const char* text :
       {"n", "n=", "n=K", "n=-1", "n=1x", "n=18446744073709551616", "n=17179869184G", "m=1"}) {
    EXPECT_FALSE(BootArguments(text).number("n").has_value()) << text;
  }
}

TEST(BootArguments, OfATree) {
  BlobBuilder b;
  b.begin("").begin("chosen").text("bootargs", "a=1").end().end().token(BlobBuilder::kEnd);
  const std::string blob = b.finish();
  const auto tree = Tree::parse(std::as_bytes(std::span(blob)));
  ASSERT_TRUE(tree.has_value());
  EXPECT_EQ(BootArguments::of(*tree).value("a"), "1");
}

// Every word of any text is found again, and the parser ends.
TEST(BootArguments, AnyText) {
  std::mt19937 random(6);
  constexpr std::string_view kAlphabet = "ab= \t\"=1K";
  for (unsigned round = 0; round < 20000; ++round) {
    std::string text;
    for (unsigned n = random() % 24; n > 0; --n) text += kAlphabet[random() % kAlphabet.size()];
    const BootArguments arguments(text);
    arguments.for_each([&](const BootArgument& argument) {
      EXPECT_TRUE(arguments.has(argument.key)) << text;
      (void)arguments.number(argument.key);
    });
  }
}

}  // namespace
}  // namespace nacre::fdt
