#include "nacre/kernel/trace/filter.hh"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace nacre::trace {
namespace {

TEST(Filter, DefaultIsInfo) {
  EXPECT_EQ(Filter().level_for("mm"), Level::Info);
}

TEST(Filter, LevelAndExceptions) {
  const auto filter = Filter::parse("warn,mm=trace,exec=off");
  ASSERT_TRUE(filter.has_value());
  EXPECT_EQ(filter->level_for("init"), Level::Warn);
  EXPECT_EQ(filter->level_for("mm"), Level::Trace);
  EXPECT_EQ(filter->level_for("exec"), Level::Off);
  EXPECT_EQ(filter->level_for("m"), Level::Warn);
  EXPECT_EQ(filter->level_for("mmm"), Level::Warn);
}

TEST(Filter, TargetsHaveParts) {
  const auto filter = Filter::parse("exec::timer=off,exec=trace");
  ASSERT_TRUE(filter.has_value());
  EXPECT_EQ(filter->level_for("exec"), Level::Trace);
  EXPECT_EQ(filter->level_for("exec::queue"), Level::Trace);
  EXPECT_EQ(filter->level_for("exec::timer"), Level::Off);
  EXPECT_EQ(filter->level_for("exec::timer::wheel"), Level::Off);
  EXPECT_EQ(filter->level_for("exec::timers"), Level::Trace);
  EXPECT_EQ(filter->level_for("executor"), Level::Info);
}

TEST(Filter, DescribesItself) {
  for (const char* text : {"info", "warn,mm=trace,exec::timer=off"}) {
    std::string out;
    StringSink sink(out);
    Filter::parse(text)->describe(sink);
    EXPECT_EQ(out, text);
  }
}

TEST(Filter, TheLastRuleDecides) {
  const auto filter = Filter::parse("mm=trace,debug,mm=error,info");
  EXPECT_EQ(filter->level_for("mm"), Level::Error);
  EXPECT_EQ(filter->level_for("x"), Level::Info);
}

TEST(Filter, RefusesWhatItDoesNotKnow) {
  for (const char* text : {"loud", "mm=", "=info", "mm=loud", "info,,", ",", "mm",
                           "a-name-that-is-much-too-long=info"}) {
    EXPECT_FALSE(Filter::parse(text).has_value()) << text;
  }
  EXPECT_TRUE(Filter::parse("").has_value());
  std::string many;
  for (size_t i = 0; i <= Filter::kMaxRules; ++i) many += "a=info,";
  EXPECT_FALSE(Filter::parse(many).has_value());
}

TEST(Filter, NamesRoundTrip) {
  for (Level level :
       {Level::Off, Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace}) {
    EXPECT_EQ(parse_level(name_of(level)), level);
  }
}

TEST(Filter, AnyText) {
  std::mt19937 random(9);
  const std::string words[] = {"info", "mm", "=", ",", "off", "x", "trace"};
  unsigned accepted = 0;
  for (unsigned round = 0; round < 20000; ++round) {
    std::string text;
    for (unsigned n = random() % 8; n > 0; --n) text += words[random() % std::size(words)];
    if (const auto filter = Filter::parse(text)) {
      ++accepted;
      EXPECT_LE(filter->level_for("mm"), Level::Trace);
    }
  }
  EXPECT_GT(accepted, 100u);
}

}  // namespace
}  // namespace nacre::trace
