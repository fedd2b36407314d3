#include "nacre/engine/wasi/vfs/resolve.hh"

namespace nacre::vfs {
namespace {

// Length of the well-formed UTF-8 sequence at the start of `text`, or 0 (Unicode 15, table 3-7).
size_t sequence_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const auto continues = [&](size_t i) { return i < text.size() && (byte(i) & 0xc0) == 0x80; };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (!continues(1) || !continues(2)) return 0;
    if (first == 0xe0 && byte(1) < 0xa0) return 0;   // overlong
    if (first == 0xed && byte(1) >= 0xa0) return 0;  // surrogate
    return 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (first == 0xf0 && byte(1) < 0x90) return 0;   // overlong
    if (first == 0xf4 && byte(1) >= 0x90) return 0;  // beyond U+10FFFF
    return 4;
  }
  return 0;
}

Outcome<void> check_text(std::string_view path) {
  if (path.empty()) return refuse(Errno::NoEntry);
  if (path.size() > kMaxPath) return refuse(Errno::NameTooLong);
  if (path.find('\0') != std::string_view::npos) return refuse(Errno::Invalid);
  if (!is_utf8(path)) return refuse(Errno::IllegalSequence);
  return {};
}

// The walk's state: where it is and what is still to be walked.
class Walk {
 public:
  Walk(const InodeRef& base, std::string_view path, LastLink last)
      : current_(base), rest_(path), last_(last) {}

  Outcome<Resolved> run() {
    for (;;) {
      if (!rest_.empty() && rest_[0] == '/') return refuse(Errno::Permission);
      const size_t end = rest_.find('/');
      const std::string_view component = rest_.substr(0, end);
      std::string_view after;
      if (end != std::string_view::npos) {
        const size_t next = rest_.find_first_not_of('/', end);
        if (next != std::string_view::npos) after = rest_.substr(next);
        slash_ = true;
      } else {
        slash_ = false;
      }
      const bool is_last = after.empty();
      auto stepped = step(component, after, is_last);
      if (!stepped) return refuse(stepped.error());
      if (*stepped == Step::Done) return std::move(result_);
    }
  }

 private:
  enum class Step : uint8_t { Onwards, Done };

  Outcome<Step> step(std::string_view component, std::string_view after, bool is_last) {
    if (component.size() > kMaxName) return refuse(Errno::NameTooLong);
    if (component == "." || component == "..") {
      if (component == "..") {
        if (depth_ == 0) return refuse(Errno::Permission);
        Inode* const parent = current_->directory()->parent();
        if (parent == nullptr) return refuse(Errno::NoEntry);  // was removed
        current_ = InodeRef(parent);
        --depth_;
      }
      if (is_last) return finish(current_, "", current_, true);
      rest_ = after;
      return Step::Onwards;
    }
    InodeRef found = current_->directory()->find(component);
    if (found && found->is_link() && follows(is_last)) return expand(*found, after, is_last);
    if (is_last) return finish(current_, component, std::move(found), slash_);
    if (!found) return refuse(Errno::NoEntry);
    if (!found->is_directory()) return refuse(Errno::NotDirectory);
    current_ = std::move(found);
    ++depth_;
    rest_ = after;
    return Step::Onwards;
  }

  [[nodiscard]] bool follows(bool is_last) const {
    if (!is_last || last_ == LastLink::Follow) return true;
    return last_ == LastLink::Keep && slash_;
  }

  // Goes on with the link's target in place of its name.
  Outcome<Step> expand(const Inode& link, std::string_view after, bool is_last) {
    if (++links_followed_ > kMaxLinks) return refuse(Errno::Loop);
    std::string expanded = *link.link_target();
    if (expanded.empty()) return refuse(Errno::NoEntry);
    if (expanded[0] == '/') return refuse(Errno::Permission);
    if (!is_last || slash_) expanded += '/';
    expanded += after;
    if (expanded.size() > 2 * kMaxPath) return refuse(Errno::NameTooLong);
    expanded_ = std::move(expanded);
    rest_ = expanded_;
    return Step::Onwards;
  }

  Step finish(InodeRef parent, std::string_view name, InodeRef inode, bool wants_directory) {
    result_ = {std::move(parent), std::string(name), std::move(inode), wants_directory};
    return Step::Done;
  }

  InodeRef current_;       // a directory
  uint64_t depth_ = 0;     // of current_ below the starting directory
  std::string expanded_;   // backs rest_ once a link was followed
  std::string_view rest_;  // not empty; begins with a component
  LastLink last_;
  unsigned links_followed_ = 0;
  bool slash_ = false;  // the component at hand is followed by a slash
  Resolved result_;
};

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

Outcome<Resolved> resolve(const InodeRef& base, std::string_view path, LastLink last) {
  ASSERT(base && base->is_directory());
  if (auto checked = check_text(path); !checked) return refuse(checked.error());
  return Walk(base, path, last).run();
}

}  // namespace nacre::vfs
