// Edits one line of UTF-8 on a terminal (ECMA-48, as xterm sends keys) and remembers those before it. A line may be longer than the
// terminal is wide. It knows no kernel: bytes go in, what the terminal shall show comes out.
//
// Keys: printable characters; Backspace, Delete, ^W (a word), ^U and ^K (to the start, to the end); arrows, Home, End, ^A ^E ^B ^F;
// up, down, ^P, ^N for history, ^R to search it (again: further back; ^G: never mind); Tab completes a word; ^L clears; ^C drops
// the line; ^D on an empty line ends the input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/core/format.hh"
#include "nacre/kernel/shell/utf8.hh"

namespace nacre::shell {

class LineEditor {
 public:
  static constexpr size_t kMaxLine = 1000;  // bytes; more are not taken
  static constexpr size_t kMaxHistory = 100;
  static constexpr size_t kColumns = 80;  // of the terminal

  enum class Outcome : uint8_t {
    Editing,
    Line,       // line() is whole
    Dropped,    // ^C
    EndOfInput  // ^D
  };
  // What the word that ends at the cursor may become; `first` says whether it is the line's first one.
  using Completer = std::function<std::vector<std::string>(std::string_view word, bool first)>;

  // `out` outlives the editor.
  LineEditor(FormatSink& out, std::string prompt) : out_(out), prompt_(std::move(prompt)) {}
  void set_completer(Completer completer) { completer_ = std::move(completer); }

  // Begins a line: shows the prompt.
  void begin();
  [[nodiscard]] Outcome feed(uint8_t byte);
  [[nodiscard]] const std::string& line() const { return line_; }
  // Bytes before the cursor.
  [[nodiscard]] size_t cursor() const { return cursor_; }
  // Oldest first.
  [[nodiscard]] const std::deque<std::string>& history() const { return history_; }

 private:
  // Of an escape sequence: none, after ESC, after ESC [ or ESC O.
  enum class Escape : uint8_t { None, Started, Parameters };

  // The part of the terminal that the line takes, from the prompt on.
  struct Place {
    size_t row = 0;
    size_t column = 0;
  };

  void insert(std::string_view character);
  void erase(size_t from, size_t to);
  void move_to(size_t position);
  void show(size_t entry);
  void recall(int step);
  void complete();
  void control(uint8_t byte);
  void finish_escape(char last);
  void redraw();
  // Where the terminal's cursor is after the first `size` bytes of a text that begins at the first column.
  [[nodiscard]] static Place place_after(std::string_view text, size_t size);
  [[nodiscard]] std::string shown_prompt() const;
  void begin_search();
  // Whether the byte was the search's.
  [[nodiscard]] bool search(uint8_t byte);
  // Shows the newest entry before `limit` that holds what is searched for; nothing changes if there is none.
  void find_before(size_t limit);
  void end_search();
  [[nodiscard]] size_t word_start() const;
  [[nodiscard]] Outcome finish();

  FormatSink& out_;
  std::string prompt_;
  Completer completer_;
  std::string line_;
  size_t cursor_ = 0;
  std::deque<std::string> history_;
  size_t shown_ = 0;   // entry of the history that is shown; history_.size(): the line itself
  std::string draft_;  // the line itself while an entry is shown
  Escape escape_ = Escape::None;
  std::string parameters_;
  size_t row_ = 0;  // of the terminal's cursor below the prompt
  Utf8Collector input_;
  bool searching_ = false;
  std::string wanted_;         // what is searched for
  std::string before_line_;    // the line before the search
  bool after_return_ = false;  // a '\n' that follows a '\r' is the same key
};

}  // namespace nacre::shell
