#include "nacre/kernel/trace/filter.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

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
  for (const char* text :
       {"info", "warn,mm=trace,exec::timer=off", "off,[compile]=debug,mm[program{a,b=c}]=trace"}) {
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

// Spans as text, for the filter's questions.
struct Inside {
  std::vector<std::pair<std::string_view, std::string_view>> spans;
  bool operator()(std::string_view name, std::string_view detail) const {
    return std::ranges::any_of(spans, [&](const auto& span) {
      return span.first == name && (detail.empty() || span.second == detail);
    });
  }
};

TEST(Filter, RulesForSpans) {
  const auto filter =
      Filter::parse("warn,mm=info,[compile]=debug,mm[load]=trace,[program{a.wasm}]=off");
  ASSERT_TRUE(filter.has_value());
  EXPECT_EQ(filter->level_for("exec"), Level::Warn);
  EXPECT_EQ(filter->level_for("exec", Inside{{{"compile", ""}}}), Level::Debug);
  EXPECT_EQ(filter->level_for("exec", Inside{{{"program", "b"}, {"compile", "x"}}}), Level::Debug);
  EXPECT_EQ(filter->level_for("mm", Inside{{{"compile", ""}}}), Level::Debug);
  EXPECT_EQ(filter->level_for("mm", Inside{{{"other", ""}}}), Level::Info);
  EXPECT_EQ(filter->level_for("mm", Inside{{{"load", ""}, {"compile", ""}}}), Level::Trace);
  EXPECT_EQ(filter->level_for("exec", Inside{{{"load", ""}}}), Level::Warn);
  EXPECT_EQ(filter->level_for("mm", Inside{{{"program", "a.wasm"}, {"load", ""}}}), Level::Off);
  EXPECT_EQ(filter->level_for("mm", Inside{{{"program", "b.wasm"}}}), Level::Info);
}

TEST(Filter, BoundsHoldWhateverTheSpans) {
  std::mt19937 random(5);
  const std::string_view scopes[] = {"mm", "exec", "[a]", "[b]", "mm[a]", "exec::timer", "[a{1}]"};
  const std::string_view names[] = {"a", "b", "c"};
  unsigned dependent = 0;
  for (unsigned round = 0; round < 5000; ++round) {
    std::string text(name_of(static_cast<Level>(random() % 6)));
    for (unsigned n = random() % 5; n > 0; --n) {
      text += "," + std::string(scopes[random() % std::size(scopes)]) + "=" +
              std::string(name_of(static_cast<Level>(random() % 6)));
    }
    const auto filter = Filter::parse(text);
    ASSERT_TRUE(filter.has_value()) << text;
    Inside inside;
    for (unsigned n = random() % 3; n > 0; --n)
      inside.spans.emplace_back(names[random() % 3], random() % 2 == 0 ? "1" : "2");
    for (const char* target : {"mm", "exec::timer", "other"}) {
      const Filter::Bounds bounds = filter->bounds_for(target);
      const Level level = filter->level_for(target, inside);
      EXPECT_LE(level, bounds.most) << text;
      if (!bounds.depends_on_spans) EXPECT_EQ(level, bounds.most) << text;
      dependent += bounds.depends_on_spans ? 1 : 0;
    }
  }
  EXPECT_GT(dependent, 100u);
}

TEST(Filter, SaysWhatIsWrongAndWhere) {
  const struct {
    const char* text;
    size_t column;
    const char* what;
  } cases[] = {
      {"loud", 1, "not a level"},
      {"mm", 1, "not a level"},
      {"warn,mm=loud", 9, "not a level"},
      {"mm=", 4, "not a level"},
      {"=info", 1, "a target or a [span] is missing"},
      {"info,,", 6, "a rule is missing"},
      {",", 1, "a rule is missing"},
      {"info,", 6, "a rule is missing"},
      {"info,a-name-that-is-much-too-long=info", 6, "at most 23"},
      {"info,[compile=debug", 6, "'[' without ']'"},
      {"[]=info", 2, "the span's name is missing"},
      {"mm[{x}]=info", 4, "the span's name is missing"},
      {"[a{b]=info", 3, "'{' without '}'"},
      {"[a{}]=info", 3, "nothing between"},
      {"[compile]", 10, "'=' and a level"},
      {"[compile]debug", 10, "'=' and a level"},
      {"[a-name-and-its{detail-that-are-too-long-for-a-rule}]=info", 2, "at most 40"},
  };
  for (const auto& expected : cases) {
    const auto filter = Filter::parse(expected.text);
    ASSERT_FALSE(filter.has_value()) << expected.text;
    EXPECT_EQ(filter.error().column, expected.column) << expected.text;
    EXPECT_NE(filter.error().what.find(expected.what), std::string_view::npos)
        << filter.error().what;
  }
  EXPECT_TRUE(Filter::parse("").has_value());
  std::string many = "a=info";
  for (size_t i = 1; i < Filter::kMaxRules; ++i) many += ",a=info";
  EXPECT_TRUE(Filter::parse(many).has_value());
  EXPECT_EQ(Filter::parse(many + ",a=info").error().column, many.size() + 2);
}

TEST(Filter, NamesRoundTrip) {
  for (Level level :
       {Level::Off, Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace}) {
    EXPECT_EQ(parse_level(name_of(level)), level);
  }
}

TEST(Filter, AnyText) {
  std::mt19937 random(9);
  const std::string words[] = {"info", "mm", "=", ",", "off", "x", "trace", "[", "]", "{", "}"};
  unsigned accepted = 0;
  for (unsigned round = 0; round < 20000; ++round) {
    std::string text;
    for (unsigned n = random() % 9; n > 0; --n) text += words[random() % std::size(words)];
    if (const auto filter = Filter::parse(text)) {
      ++accepted;
      EXPECT_LE(filter->level_for("mm"), Level::Trace);
      std::string out;
      StringSink sink(out);
      filter->describe(sink);
      EXPECT_TRUE(Filter::parse(out).has_value()) << out;
    }
  }
  EXPECT_GT(accepted, 100u);
}

}  // namespace
}  // namespace nacre::trace
