#include "nacre/kernel/shell/utf8.hh"

#include <algorithm>
#include <span>

namespace nacre::shell {
namespace {

bool is_continuation(uint8_t byte) {
  return (byte & 0xc0) == 0x80;
}

// Bytes of the character that this one begins; 0 if none begins with it.
uint8_t length_by_lead(uint8_t byte) {
  if (byte < 0x80) return 1;
  if (byte >= 0xc2 && byte <= 0xdf) return 2;
  if (byte >= 0xe0 && byte <= 0xef) return 3;
  if (byte >= 0xf0 && byte <= 0xf4) return 4;
  return 0;
}

// Neither overlong, nor a surrogate, nor beyond U+10FFFF.
bool is_good_second(uint8_t lead, uint8_t second) {
  switch (lead) {
    case 0xe0:
      return second >= 0xa0;
    case 0xed:
      return second <= 0x9f;
    case 0xf0:
      return second >= 0x90;
    case 0xf4:
      return second <= 0x8f;
    default:
      return true;
  }
}

uint32_t decode(std::string_view text, size_t position) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[position + i]); };
  const uint8_t length = length_by_lead(byte(0));
  if (length <= 1) return byte(0);
  uint32_t code = byte(0) & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) code = code << 6 | (byte(i) & 0x3f);
  return code;
}

struct Range {
  uint32_t first;
  uint32_t last;
};

constexpr Range kZeroWidth[] = {{0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},
                                {0x610, 0x61a},   {0x64b, 0x65f},   {0x1ab0, 0x1aff},
                                {0x1dc0, 0x1dff}, {0x200b, 0x200f}, {0x20d0, 0x20ff},
                                {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};
constexpr Range kDoubleWidth[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},
                                  {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
                                  {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
                                  {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff}, {0x20000, 0x3fffd}};

bool contains(std::span<const Range> ranges, uint32_t code) {
  return std::ranges::any_of(ranges, [&](Range r) { return code >= r.first && code <= r.last; });
}

}  // namespace

std::string_view Utf8Collector::feed(uint8_t byte) {
  const bool fits = wanted_ != 0 && is_continuation(byte) &&
                    (have_ != 1 || is_good_second(static_cast<uint8_t>(bytes_[0]), byte));
  if (!fits) {
    have_ = 0;
    wanted_ = length_by_lead(byte);
    if (wanted_ == 0) return {};
  }
  bytes_[have_++] = static_cast<char>(byte);
  if (have_ < wanted_) return {};
  const std::string_view whole(bytes_, have_);
  have_ = wanted_ = 0;
  return whole;
}

size_t previous_boundary(std::string_view text, size_t position) {
  if (position == 0) return 0;
  --position;
  while (position > 0 && is_continuation(static_cast<uint8_t>(text[position]))) --position;
  return position;
}

size_t next_boundary(std::string_view text, size_t position) {
  if (position >= text.size()) return text.size();
  ++position;
  while (position < text.size() && is_continuation(static_cast<uint8_t>(text[position])))
    ++position;
  return position;
}

unsigned width_at(std::string_view text, size_t position) {
  const uint32_t code = decode(text, position);
  if (contains(kZeroWidth, code)) return 0;
  return contains(kDoubleWidth, code) ? 2 : 1;
}

}  // namespace nacre::shell
