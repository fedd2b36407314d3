#include "nacre/kernel/shell/line_editor.hh"

#include <gtest/gtest.h>

#include <random>

namespace nacre::shell {
namespace {

// What a terminal of one line shows, and where its cursor is.
class Screen final : public FormatSink {
 public:
  void write(std::string_view text) override {
    for (const char c : text) put(c);
  }
  std::string line;
  size_t column = 0;

 private:
  void put(char c) {
    if (!sequence_.empty()) {
      sequence_ += c;
      if (c != '[' && (c < '0' || c > '9')) run_sequence();
    } else if (c == '\x1b') {
      sequence_ = c;
    } else if (c == '\r') {
      column = 0;
    } else if (c == '\n') {
      line.clear();
      column = 0;
    } else {
      if (column == line.size()) line.push_back(' ');
      line[column++] = c;
    }
  }
  void run_sequence() {
    const char last = sequence_.back();
    if (last == 'K') line.resize(column);
    if (last == 'D') column -= std::stoul(sequence_.substr(2));
    if (last == 'H') column = 0;
    if (last == 'J') line.clear();
    sequence_.clear();
  }
  std::string sequence_;
};

struct LineEditorTest : testing::Test {
  Screen screen;
  LineEditor editor{screen, "> "};
  LineEditorTest() { editor.begin(); }

  LineEditor::Outcome type(std::string_view keys) {
    auto outcome = LineEditor::Outcome::Editing;
    for (const char c : keys) outcome = editor.feed(static_cast<uint8_t>(c));
    return outcome;
  }
  // The line that the keys and Return make.
  std::string line_of(std::string_view keys) {
    EXPECT_EQ(type(keys), LineEditor::Outcome::Editing) << keys;
    EXPECT_EQ(screen.line, "> " + editor.line());
    EXPECT_EQ(type("\r"), LineEditor::Outcome::Line);
    std::string line = editor.line();
    editor.begin();
    return line;
  }
};

TEST_F(LineEditorTest, EditsInTheMiddle) {
  EXPECT_EQ(line_of("help"), "help");
  EXPECT_EQ(line_of("hlp\x1b[D\x1b[De"), "help");
  EXPECT_EQ(line_of("xhelp\x01\x04"), "help");
  EXPECT_EQ(line_of("elp\x1b[Hh\x1b[F me"), "help me");
  EXPECT_EQ(line_of("helpp\x7f"), "help");
  EXPECT_EQ(line_of("help me now\x17\x17"), "help ");
  EXPECT_EQ(line_of("help me\x02\x02\x0b"), "help ");
  EXPECT_EQ(line_of("nonsense\x15help"), "help");
  EXPECT_EQ(line_of("hXelp\x1b[1~\x1b[C\x1b[3~"), "help");
}

TEST_F(LineEditorTest, EndsOfLines) {
  EXPECT_EQ(type("a\r\n"), LineEditor::Outcome::Editing) << "the \\n belongs to the \\r";
  editor.begin();
  EXPECT_EQ(type("b\n"), LineEditor::Outcome::Line);
  EXPECT_EQ(editor.line(), "b");
  editor.begin();
  EXPECT_EQ(type("c\x03"), LineEditor::Outcome::Dropped);
  editor.begin();
  EXPECT_EQ(type("\x04"), LineEditor::Outcome::EndOfInput);
}

TEST_F(LineEditorTest, History) {
  EXPECT_EQ(line_of("one"), "one");
  EXPECT_EQ(line_of("two"), "two");
  EXPECT_EQ(line_of("two"), "two");
  EXPECT_EQ(line_of("  "), "  ");
  EXPECT_EQ(editor.history(), (std::deque<std::string>{"one", "two"}));
  EXPECT_EQ(line_of("\x1b[A\x1b[A"), "one");
  EXPECT_EQ(line_of("dra\x10\x0e"
                    "ft"),
            "draft");
  EXPECT_EQ(line_of("\x1b[A\x1b[A\x1b[A\x1b[A\x1b[A"), "one");
  for (size_t i = 0; i < 2 * LineEditor::kMaxHistory; ++i) (void)line_of(std::to_string(i));
  EXPECT_EQ(editor.history().size(), LineEditor::kMaxHistory);
}

TEST_F(LineEditorTest, Completes) {
  editor.set_completer([](std::string_view word, bool first) {
    std::vector<std::string> out;
    for (const char* choice : {"metrics", "mem", "memory"}) {
      if (first && std::string_view(choice).starts_with(word)) out.emplace_back(choice);
    }
    return out;
  });
  EXPECT_EQ(line_of("met\t"), "metrics ");
  EXPECT_EQ(line_of("m\t"), "me");
  EXPECT_EQ(line_of("x\t"), "x");
  EXPECT_EQ(line_of("log m\t"), "log m");
}

TEST_F(LineEditorTest, TakesNoMoreThanItCanHold) {
  EXPECT_EQ(line_of(std::string(2 * LineEditor::kMaxLine, 'x')).size(), LineEditor::kMaxLine);
}

TEST_F(LineEditorTest, AnyKeysLeaveTheScreenAsTheLine) {
  std::mt19937 random(6);
  const std::string_view keys[] = {
      "a",    "b",    " ",    "\x1b[A", "\x1b[B",  "\x1b[C", "\x1b[D", "\x7f",      "\x01", "\x05",
      "\x0b", "\x15", "\x17", "\x04x",  "\x1b[3~", "\x0c",   "\x1bq",  "\x1b[9;9z", "\t"};
  unsigned lines = 0;
  for (unsigned round = 0; round < 20000; ++round) {
    if (random() % 20 == 0) {
      ASSERT_EQ(type("\r"), LineEditor::Outcome::Line);
      ++lines;
      editor.begin();
    }
    const std::string_view key = keys[random() % std::size(keys)];
    if (key[0] == 4 && editor.line().empty()) continue;
    ASSERT_EQ(type(key), LineEditor::Outcome::Editing);
    ASSERT_EQ(screen.line, "> " + editor.line());
    ASSERT_LE(screen.column, screen.line.size());
    ASSERT_GE(screen.column, 2u);
  }
  EXPECT_GT(lines, 100u);
}

}  // namespace
}  // namespace nacre::shell
