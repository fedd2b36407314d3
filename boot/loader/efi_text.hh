// Boot arguments out of what UEFI has for them.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace nacre::loader::efi {

// A line of words put together in a buffer of the caller's.
class Words {
 public:
  explicit Words(std::span<char> buffer) : buffer_(buffer) {}

  // Appends text, behind a blank if there is some already. False, and nothing appended, if there is no room.
  [[nodiscard]] bool append(std::string_view text);
  // The same with UTF-16 up to a NUL or the end; false also if there is anything but printable ASCII. Load options may hold
  // data of any kind.
  [[nodiscard]] bool append(std::u16string_view text);
  [[nodiscard]] std::string_view text() const { return {buffer_.data(), used_}; }

 private:
  std::span<char> buffer_;
  size_t used_ = 0;
};

}  // namespace nacre::loader::efi
