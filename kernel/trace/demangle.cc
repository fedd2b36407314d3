#include "nacre/kernel/trace/demangle.hh"

#include <algorithm>
#include <cstddef>

namespace nacre::trace {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

class Demangler {
 public:
  Demangler(std::string_view rest, std::span<char> out) : rest_(rest), out_(out) {}

  // <encoding>: the name alone, what follows are parameter types.
  bool parse_encoding() {
    if (take("N")) return parse_nested();
    if (take("Z")) {  // local name: function E entity
      if (!parse_encoding() || !skip_parameters() || !take("E")) return false;
      if (take("s")) return true;
      return append("::") && parse_encoding();
    }
    return parse_component();
  }
  std::string_view result() const { return {out_.data(), size_}; }

 private:
  bool take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  bool append(std::string_view text) {
    if (text.size() > out_.size() - size_) return false;
    text.copy(out_.data() + size_, text.size());
    size_ += text.size();
    return true;
  }

  bool parse_nested() {
    while (take("K") || take("V") || take("R") || take("O")) {
    }
    for (bool first = true; !take("E"); first = false) {
      if (rest_.starts_with('I')) {
        if (!skip_bracketed()) return false;
        continue;
      }
      if (!first && !append("::")) return false;
      if (!parse_component()) return false;
    }
    return true;
  }

  bool parse_component() {
    if (take("St")) {
      if (!append("std")) return false;
      // Not inside N…E the name follows at once.
      return rest_.empty() || !is_digit(rest_.front()) || (append("::") && parse_component());
    }
    if (take("L")) return parse_component();  // internal linkage
    if (take("C1") || take("C2")) return append(last_);
    if (take("D0") || take("D1") || take("D2")) return append("~") && append(last_);
    if (take("cl")) return append("operator()");
    if (take("ix")) return append("operator[]");
    if (take("nw")) return append("operator new");
    if (take("dl")) return append("operator delete");
    if (take("aS")) return append("operator=");
    if (take("eq")) return append("operator==");
    if (take("Ul")) {  // lambda: Ul <types> E [number] _
      if (!append("lambda") || !skip_parameters() || !take("E")) return false;
      return skip_number_and_underscore();
    }
    if (rest_.empty() || !is_digit(rest_.front())) return false;
    size_t length = 0;
    while (!rest_.empty() && is_digit(rest_.front())) {
      length = length * 10 + static_cast<size_t>(rest_.front() - '0');
      rest_.remove_prefix(1);
      if (length > rest_.size()) return false;
    }
    const std::string_view name = rest_.substr(0, length);
    rest_.remove_prefix(length);
    last_ = name;
    const bool anonymous = name.starts_with("_GLOBAL__N");
    if (!append(anonymous ? "(anonymous)" : name)) return false;
    while (take("B")) {  // ABI tags
      if (!skip_source_name()) return false;
    }
    return true;
  }

  bool skip_number_and_underscore() {
    while (!rest_.empty() && is_digit(rest_.front())) rest_.remove_prefix(1);
    return take("_");
  }

  bool skip_source_name() {
    size_t length = 0;
    if (rest_.empty() || !is_digit(rest_.front())) return false;
    while (!rest_.empty() && is_digit(rest_.front())) {
      length = length * 10 + static_cast<size_t>(rest_.front() - '0');
      rest_.remove_prefix(1);
      if (length > rest_.size()) return false;
    }
    rest_.remove_prefix(length);
    return true;
  }

  // Types and the like up to, not including, the 'E' that ends what we are in, or the end of the text.
  bool skip_parameters() {
    while (!rest_.empty() && rest_.front() != 'E') {
      if (!skip_item()) return false;
    }
    return true;
  }

  // From an opening letter to its 'E'.
  bool skip_bracketed() {
    rest_.remove_prefix(1);
    if (++depth_ > kMaxDepth) return false;
    if (!skip_parameters() || !take("E")) return false;
    --depth_;
    return true;
  }

  bool skip_item() {
    const char c = rest_.front();
    if (is_digit(c)) return skip_source_name();
    if (c == 'N' || c == 'I' || c == 'J' || c == 'X' || c == 'F') return skip_bracketed();
    if (c == 'L') return skip_literal();
    if (take("Ul")) return skip_parameters() && take("E") && skip_number_and_underscore();
    if (c == 'S' || c == 'T') {  // S_, S0_, St, Sa, …, T_, T0_
      rest_.remove_prefix(1);
      if (rest_.empty()) return false;
      if (rest_.front() >= 'a' && rest_.front() <= 'z') {
        rest_.remove_prefix(1);
        return true;
      }
      while (!rest_.empty() && rest_.front() != '_') rest_.remove_prefix(1);
      return take("_");
    }
    if (c == 'A') {  // array: A <number> _ type
      rest_.remove_prefix(1);
      return skip_number_and_underscore();
    }
    rest_.remove_prefix(1);  // a builtin type or a qualifier
    return true;
  }

  // L <type> <value> E
  bool skip_literal() {
    rest_.remove_prefix(1);
    if (take("_Z")) return skip_encoding_in_literal();
    if (rest_.empty() || !skip_item()) return false;
    while (!rest_.empty() && rest_.front() != 'E') rest_.remove_prefix(1);
    return take("E");
  }
  bool skip_encoding_in_literal() { return skip_parameters() && take("E"); }

  static constexpr unsigned kMaxDepth = 32;

  std::string_view rest_;
  std::span<char> out_;
  size_t size_ = 0;
  std::string_view last_;  // for constructors
  unsigned depth_ = 0;
};

}  // namespace

std::string_view demangle(std::string_view name, std::span<char> buffer) {
  if (!name.starts_with("_Z")) return name;
  Demangler demangler(name.substr(2), buffer);
  return demangler.parse_encoding() ? demangler.result() : name;
}

}  // namespace nacre::trace
