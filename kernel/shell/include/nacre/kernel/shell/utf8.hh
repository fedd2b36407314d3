// UTF-8 (RFC 3629) as it comes from a terminal, byte by byte, and how wide a terminal shows it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nacre::shell {

// Puts characters together. What is no UTF-8 is left out.
class Utf8Collector {
 public:
  // The whole character that this byte ends, or nothing. Valid until the next call.
  [[nodiscard]] std::string_view feed(uint8_t byte);

 private:
  char bytes_[4] = {};
  uint8_t have_ = 0;
  uint8_t wanted_ = 0;  // 0: between characters
};

// Where the character before and behind a position begins and ends. `text` is UTF-8; the position is a boundary.
[[nodiscard]] size_t previous_boundary(std::string_view text, size_t position);
[[nodiscard]] size_t next_boundary(std::string_view text, size_t position);

// Columns of the character at a boundary: 0, 1 or 2. An approximation of Unicode's East Asian Width (UAX #11).
[[nodiscard]] unsigned width_at(std::string_view text, size_t position);

}  // namespace nacre::shell
