#include "nacre/kernel/shell/line_editor.hh"

#include <algorithm>

namespace nacre::shell {
namespace {

constexpr uint8_t control_key(char letter) {
  return static_cast<uint8_t>(letter & 0x1f);
}
constexpr uint8_t kEscape = 0x1b;
constexpr uint8_t kDelete = 0x7f;
constexpr size_t kMaxParameters = 8;

}  // namespace

void LineEditor::begin() {
  line_.clear();
  cursor_ = 0;
  shown_ = history_.size();
  draft_.clear();
  escape_ = Escape::None;
  out_.write(prompt_);
}

LineEditor::Outcome LineEditor::feed(uint8_t byte) {
  const bool second_half = after_return_ && byte == '\n';
  after_return_ = byte == '\r';
  if (second_half) return Outcome::Editing;
  if (escape_ == Escape::Started) {
    escape_ = byte == '[' || byte == 'O' ? Escape::Parameters : Escape::None;
    parameters_.clear();
    return Outcome::Editing;
  }
  if (escape_ == Escape::Parameters) {
    if ((byte >= '0' && byte <= '9') || byte == ';') {
      if (parameters_.size() < kMaxParameters) parameters_.push_back(static_cast<char>(byte));
      return Outcome::Editing;
    }
    escape_ = Escape::None;
    finish_escape(static_cast<char>(byte));
    return Outcome::Editing;
  }
  if (byte == '\r' || byte == '\n') return finish();
  if (byte == control_key('c')) {
    out_.write("^C\n");
    return Outcome::Dropped;
  }
  if (byte == control_key('d') && line_.empty()) {
    out_.write("\n");
    return Outcome::EndOfInput;
  }
  if (byte >= 0x20 && byte != kDelete) {
    insert(static_cast<char>(byte));
  } else {
    control(byte);
  }
  return Outcome::Editing;
}

LineEditor::Outcome LineEditor::finish() {
  move_to(line_.size());
  out_.write("\n");
  const bool blank = line_.find_first_not_of(' ') == std::string::npos;
  if (!blank && (history_.empty() || history_.back() != line_)) {
    history_.push_back(line_);
    if (history_.size() > kMaxHistory) history_.pop_front();
  }
  return Outcome::Line;
}

void LineEditor::control(uint8_t byte) {
  switch (byte) {
    case kEscape:
      escape_ = Escape::Started;
      break;
    case '\b':
    case kDelete:
      if (cursor_ > 0) erase(cursor_ - 1, cursor_);
      break;
    case '\t':
      complete();
      break;
    case control_key('a'):
      move_to(0);
      break;
    case control_key('e'):
      move_to(line_.size());
      break;
    case control_key('b'):
      if (cursor_ > 0) move_to(cursor_ - 1);
      break;
    case control_key('f'):
      if (cursor_ < line_.size()) move_to(cursor_ + 1);
      break;
    case control_key('d'):
      if (cursor_ < line_.size()) erase(cursor_, cursor_ + 1);
      break;
    case control_key('k'):
      erase(cursor_, line_.size());
      break;
    case control_key('u'):
      erase(0, cursor_);
      break;
    case control_key('w'):
      erase(word_start(), cursor_);
      break;
    case control_key('l'):
      out_.write("\x1b[H\x1b[2J");
      redraw();
      break;
    case control_key('p'):
      recall(-1);
      break;
    case control_key('n'):
      recall(1);
      break;
    default:
      break;
  }
}

void LineEditor::finish_escape(char last) {
  switch (last) {
    case 'A':
      return recall(-1);
    case 'B':
      return recall(1);
    case 'C':
      return control(control_key('f'));
    case 'D':
      return control(control_key('b'));
    case 'H':
      return move_to(0);
    case 'F':
      return move_to(line_.size());
    case '~':
      break;
    default:
      return;
  }
  if (parameters_ == "1" || parameters_ == "7") move_to(0);
  if (parameters_ == "4" || parameters_ == "8") move_to(line_.size());
  if (parameters_ == "3" && cursor_ < line_.size()) erase(cursor_, cursor_ + 1);
}

void LineEditor::insert(char c) {
  if (line_.size() >= kMaxLine) return;
  line_.insert(cursor_++, 1, c);
  if (cursor_ == line_.size()) {
    out_.write(std::string_view(&c, 1));
  } else {
    redraw();
  }
}

void LineEditor::erase(size_t from, size_t to) {
  if (from == to) return;
  line_.erase(from, to - from);
  cursor_ = from;
  redraw();
}

void LineEditor::move_to(size_t position) {
  if (position == cursor_) return;
  cursor_ = position;
  redraw();
}

void LineEditor::redraw() {
  out_.write("\r");
  out_.write(prompt_);
  out_.write(line_);
  out_.write("\x1b[K");
  if (cursor_ < line_.size()) format_to(out_, "\x1b[{}D", line_.size() - cursor_);
}

void LineEditor::show(size_t entry) {
  if (shown_ == history_.size()) draft_ = line_;
  shown_ = entry;
  line_ = entry == history_.size() ? draft_ : history_[entry];
  cursor_ = line_.size();
  redraw();
}

void LineEditor::recall(int step) {
  if (step < 0 && shown_ > 0) show(shown_ - 1);
  if (step > 0 && shown_ < history_.size()) show(shown_ + 1);
}

size_t LineEditor::word_start() const {
  size_t start = cursor_;
  while (start > 0 && line_[start - 1] == ' ') --start;
  while (start > 0 && line_[start - 1] != ' ') --start;
  return start;
}

void LineEditor::complete() {
  if (!completer_) return;
  size_t start = cursor_;
  while (start > 0 && line_[start - 1] != ' ') --start;
  const std::string word = line_.substr(start, cursor_ - start);
  const bool first = line_.find_first_not_of(' ') >= start;
  const std::vector<std::string> choices = completer_(word, first);
  if (choices.empty()) return;
  std::string common = choices.front();
  for (const std::string& choice : choices) {
    const auto [end, ignored] = std::ranges::mismatch(common, choice);
    common.erase(end, common.end());
  }
  if (choices.size() == 1) common.push_back(' ');
  if (common.size() > word.size() && line_.size() + common.size() - word.size() <= kMaxLine) {
    line_.replace(start, word.size(), common);
    cursor_ = start + common.size();
  } else if (choices.size() > 1) {
    out_.write("\n");
    for (const std::string& choice : choices) format_to(out_, "{}  ", choice);
    out_.write("\n");
  }
  redraw();
}

}  // namespace nacre::shell
