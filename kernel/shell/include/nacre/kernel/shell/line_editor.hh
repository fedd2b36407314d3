// Edits one line on a terminal (ECMA-48, as xterm sends keys) and remembers those before it. It knows no kernel: bytes go in, what
// the terminal shall show comes out.
//
// Keys: printable characters; Backspace, Delete, ^W (a word), ^U and ^K (to the start, to the end); arrows, Home, End, ^A ^E ^B ^F;
// up, down, ^P, ^N for history; Tab completes a word; ^L clears; ^C drops the line; ^D on an empty line ends the input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/core/format.hh"

namespace nacre::shell {

class LineEditor {
 public:
  static constexpr size_t kMaxLine = 1000;  // bytes; more are not taken
  static constexpr size_t kMaxHistory = 100;

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
  // Oldest first.
  [[nodiscard]] const std::deque<std::string>& history() const { return history_; }

 private:
  // Of an escape sequence: none, after ESC, after ESC [ or ESC O.
  enum class Escape : uint8_t { None, Started, Parameters };

  void insert(char c);
  void erase(size_t from, size_t to);
  void move_to(size_t position);
  void show(size_t entry);
  void recall(int step);
  void complete();
  void control(uint8_t byte);
  void finish_escape(char last);
  void redraw();
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
  bool after_return_ = false;  // a '\n' that follows a '\r' is the same key
};

}  // namespace nacre::shell
