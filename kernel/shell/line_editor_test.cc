#include "nacre/kernel/shell/line_editor.hh"

#include <gtest/gtest.h>

#include <random>
#include <utility>
#include <vector>

namespace nacre::shell {
namespace {

// A terminal of 80 columns, as xterm is one: what it shows and where its cursor is. A character at the end of a row leaves the
// cursor there until the next comes.
class Screen final : public FormatSink {
 public:
  static constexpr size_t kColumns = LineEditor::kColumns;

  void write(std::string_view text) override {
    for (const char c : text) put(c);
  }
  // Each cell is a character, or empty behind a wide one.
  std::vector<std::vector<std::string>> rows{1};
  size_t row = 0;
  size_t column = 0;

  // All rows behind each other.
  [[nodiscard]] std::string text() const {
    std::string out;
    for (const auto& cells : rows) {
      for (const std::string& cell : cells) out += cell;
    }
    return out.substr(0, out.find_last_not_of(' ') + 1);
  }

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
      rows.assign(1, {});
      row = column = 0;
    } else {
      character_ += c;
      const std::string_view whole = collector_.feed(static_cast<uint8_t>(c));
      if (!whole.empty()) show(std::string(whole));
    }
  }
  void show(const std::string& character) {
    character_.clear();
    const unsigned width = width_at(character, 0);
    if (width == 0) {
      rows[row][column - 1] += character;
      return;
    }
    if (column + width > kColumns) {
      ++row;
      column = 0;
    }
    if (rows.size() <= row) rows.resize(row + 1);
    if (rows[row].size() < column + width) rows[row].resize(column + width, " ");
    rows[row][column] = character;
    if (width == 2) rows[row][column + 1].clear();
    column += width;
  }
  void run_sequence() {
    const char last = sequence_.back();
    const std::string digits = sequence_.substr(2, sequence_.size() - 3);
    const size_t count = digits.empty() ? 1 : std::stoul(digits);
    if (last == 'A') {
      ASSERT_GE(row, count);
      row -= count;
    } else if (last == 'C') {
      column += count;
      ASSERT_LT(column, kColumns);
    } else if (last == 'H') {
      row = column = 0;
    } else if (last == 'J' && digits == "2") {
      rows.assign(1, {});
    } else if (last == 'J') {
      rows.resize(row + 1);
      if (rows[row].size() > column) rows[row].resize(column);
    } else {
      FAIL() << "an unexpected sequence " << last;
    }
    sequence_.clear();
  }
  std::string sequence_;
  std::string character_;
  Utf8Collector collector_;
};

// Where a text leaves the cursor, by writing it.
std::pair<size_t, size_t> place_of(std::string_view text) {
  Screen screen;
  screen.write(text);
  if (screen.column == Screen::kColumns) return {screen.row + 1, 0};
  return {screen.row, screen.column};
}

struct LineEditorTest : testing::Test {
  Screen screen;
  LineEditor editor{screen, "> "};
  LineEditorTest() { editor.begin(); }

  LineEditor::Outcome type(std::string_view keys) {
    auto outcome = LineEditor::Outcome::Editing;
    for (const char c : keys) outcome = editor.feed(static_cast<uint8_t>(c));
    return outcome;
  }
  // The screen is the prompt and the line, nothing else, and its cursor where the editor's is.
  void expect_shown(std::string_view prompt = "> ") {
    std::string all = std::string(prompt) + editor.line();
    EXPECT_EQ(screen.text(), all.substr(0, all.find_last_not_of(' ') + 1));
    const auto [row, column] = place_of(all.substr(0, prompt.size() + editor.cursor()));
    EXPECT_EQ(screen.row, row);
    EXPECT_EQ(screen.column, column);
  }
  // The line that the keys and Return make.
  std::string line_of(std::string_view keys) {
    EXPECT_EQ(type(keys), LineEditor::Outcome::Editing) << keys;
    expect_shown();
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

TEST_F(LineEditorTest, EditsWholeCharacters) {
  EXPECT_EQ(line_of("aé漢\x7f"), "aé");
  EXPECT_EQ(line_of("é漢\x1b[D\x1b[D\x1b[3~"), "漢");
  EXPECT_EQ(line_of("漢字\x02x"), "漢x字");
  EXPECT_EQ(line_of("a\xc3"
                    "b"),
            "ab")
      << "half a character";
  EXPECT_EQ(line_of("wörter hin\x17\x17é"), "é");
}

TEST_F(LineEditorTest, LinesLongerThanARow) {
  const std::string row(Screen::kColumns, 'x');
  EXPECT_EQ(line_of(row + "yz"), row + "yz");
  EXPECT_EQ(line_of(row + row + "\x01" + "a"), "a" + row + row);
  EXPECT_EQ(line_of(row + "\x7f\x7f\x7f\x7f"), row.substr(4));
  // The prompt and 78 characters fill the row.
  EXPECT_EQ(line_of(row.substr(2)), row.substr(2));
  EXPECT_EQ(line_of(row.substr(3) + "漢"), row.substr(3) + "漢") << "no half of it in a row";
  EXPECT_EQ(line_of(row + row + "\x1b[H\x0b"), "");
}

TEST_F(LineEditorTest, SearchesTheHistory) {
  for (const char* line : {"run one", "mem", "run two", "log"}) (void)line_of(line);
  EXPECT_EQ(type("\x12run"), LineEditor::Outcome::Editing);
  expect_shown("(search 'run'): ");
  EXPECT_EQ(type("\r"), LineEditor::Outcome::Line);
  EXPECT_EQ(editor.line(), "run two");
  editor.begin();
  EXPECT_EQ(type("\x12run\x12\x12\r"), LineEditor::Outcome::Line);
  EXPECT_EQ(editor.line(), "run one") << "there is none before it";
  editor.begin();
  EXPECT_EQ(line_of("draft\x12mem\x07!"), "draft!");
  EXPECT_EQ(line_of("\x12mex\x7f\x01+"), "+mem");
  EXPECT_EQ(line_of("keep\x12zzz\x05"), "keep");
  EXPECT_EQ(type("\x12run\x03"), LineEditor::Outcome::Dropped);
  editor.begin();
  EXPECT_EQ(line_of("after"), "after");
}

TEST_F(LineEditorTest, AnyKeysLeaveTheScreenAsTheLine) {
  std::mt19937 random(6);
  const std::string_view keys[] = {
      "a",      "b",     " ",       "\x1b[A",       "\x1b[B", "\x1b[C",
      "\x1b[D", "\x7f",  "\x01",    "\x05",         "\x0b",   "\x15",
      "\x17",   "\x04x", "\x1b[3~", "\x0c",         "\x1bq",  "\x1b[9;9z",
      "\t",     "é",     "漢",      "漢字漢字漢字", "\xc3",   "x-long-word-that-fills-rows-soon"};
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
    expect_shown();
    if (HasFailure()) FAIL() << "round " << round;
  }
  EXPECT_GT(lines, 100u);
}

}  // namespace
}  // namespace nacre::shell
