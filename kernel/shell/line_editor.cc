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
  searching_ = false;
  input_ = {};
  row_ = 0;
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
  if (byte == control_key('c')) {
    move_to(line_.size());
    out_.write("^C\n");
    return Outcome::Dropped;
  }
  if (searching_ && search(byte)) return Outcome::Editing;
  if (byte == '\r' || byte == '\n') return finish();
  if (byte == control_key('d') && line_.empty()) {
    out_.write("\n");
    return Outcome::EndOfInput;
  }
  if (byte >= 0x20 && byte != kDelete) {
    insert(input_.feed(byte));
  } else {
    input_ = {};
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
      erase(previous_boundary(line_, cursor_), cursor_);
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
      move_to(previous_boundary(line_, cursor_));
      break;
    case control_key('f'):
      move_to(next_boundary(line_, cursor_));
      break;
    case control_key('d'):
      erase(cursor_, next_boundary(line_, cursor_));
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
      row_ = 0;
      redraw();
      break;
    case control_key('r'):
      begin_search();
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
  if (parameters_ == "3") erase(cursor_, next_boundary(line_, cursor_));
}

void LineEditor::insert(std::string_view character) {
  if (character.empty() || line_.size() + character.size() > kMaxLine) return;
  line_.insert(cursor_, character);
  cursor_ += character.size();
  const std::string all = shown_prompt() + line_;
  const Place place = place_after(all, all.size());
  // In the middle of a row nothing else moves.
  if (cursor_ == line_.size() && place.row == row_ && place.column != 0) {
    out_.write(character);
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

LineEditor::Place LineEditor::place_after(std::string_view text, size_t size) {
  Place place;
  for (size_t at = 0; at < size; at = next_boundary(text, at)) {
    const unsigned width = width_at(text, at);
    // What does not fit into the rest of a row begins the next.
    if (place.column + width > kColumns) place = {place.row + 1, 0};
    place.column += width;
  }
  if (place.column == kColumns) place = {place.row + 1, 0};
  return place;
}

std::string LineEditor::shown_prompt() const {
  return searching_ ? format("(search '{}'): ", wanted_) : prompt_;
}

void LineEditor::redraw() {
  const std::string all = shown_prompt() + line_;
  const Place end = place_after(all, all.size());
  const Place at = place_after(all, all.size() - line_.size() + cursor_);
  if (row_ > 0) format_to(out_, "\x1b[{}A", row_);
  out_.write("\r\x1b[J");
  out_.write(all);
  // Behind a full row a terminal waits with the next until there is something for it.
  if (end.column == 0 && end.row > 0) out_.write(" \r");
  if (end.row > at.row) format_to(out_, "\x1b[{}A", end.row - at.row);
  if (end.row != at.row || end.column != at.column) {
    out_.write("\r");
    if (at.column > 0) format_to(out_, "\x1b[{}C", at.column);
  }
  row_ = at.row;
}

// ---- Search ----

void LineEditor::begin_search() {
  searching_ = true;
  wanted_.clear();
  before_line_ = line_;
  shown_ = history_.size();
  redraw();
}

bool LineEditor::search(uint8_t byte) {
  if (byte == control_key('r')) {
    find_before(shown_);
  } else if (byte == control_key('g')) {
    line_ = before_line_;
    cursor_ = line_.size();
    shown_ = history_.size();
    end_search();
  } else if (byte == kDelete || byte == '\b') {
    wanted_.erase(previous_boundary(wanted_, wanted_.size()));
    find_before(history_.size());
  } else if (byte >= 0x20) {
    const std::string_view character = input_.feed(byte);
    if (character.empty()) return true;
    wanted_ += character;
    find_before(std::min(shown_ + 1, history_.size()));
  } else {
    // Any other key takes what was found, and does what it does.
    end_search();
    return false;
  }
  return true;
}

void LineEditor::find_before(size_t limit) {
  for (size_t entry = limit; entry-- > 0;) {
    if (wanted_.empty() || history_[entry].find(wanted_) == std::string::npos) continue;
    shown_ = entry;
    line_ = history_[entry];
    cursor_ = line_.size();
    break;
  }
  redraw();
}

void LineEditor::end_search() {
  searching_ = false;
  draft_ = before_line_;
  redraw();
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
    const size_t cursor = cursor_;
    move_to(line_.size());
    out_.write("\n");
    for (const std::string& choice : choices) format_to(out_, "{}  ", choice);
    out_.write("\n");
    cursor_ = cursor;
    row_ = 0;
  }
  redraw();
}

}  // namespace nacre::shell
