// A line of text in a buffer of its own: nothing is allocated, what does not fit is cut off.
#pragma once

#include <cstddef>
#include <string_view>

#include "nacre/base/core/format.hh"

namespace nacre::trace {

template <size_t Size>
class FixedLine final : public FormatSink {
 public:
  void write(std::string_view text) override {
    const size_t room = Size - size_;
    const size_t count = text.size() < room ? text.size() : room;
    text.copy(buffer_ + size_, count);
    size_ += count;
  }
  // Ends the line; the newline has room even behind a cut.
  void end_line() {
    if (size_ == Size) --size_;
    buffer_[size_++] = '\n';
  }
  void clear() { size_ = 0; }
  [[nodiscard]] std::string_view text() const { return {buffer_, size_}; }

 private:
  char buffer_[Size];
  size_t size_ = 0;
};

}  // namespace nacre::trace
