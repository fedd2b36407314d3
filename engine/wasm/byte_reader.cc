#include "byte_reader.hh"

#include "leb.hh"
#include "nacre/base/core/format.hh"

namespace nacre::wasm {

void ByteReader::fail_at(uint64_t offset, ErrorCode code, std::string message) {
  if (failed()) return;
  error_.emplace(code, std::move(message), offset);
  at_ = end_;
}

void ByteReader::unsupported(std::string_view what, std::string_view feature) {
  fail_at(offset(), ErrorCode::Unsupported,
          format("{} needs the unsupported feature \"{}\"", what, feature));
}

void ByteReader::adopt_failure(ByteReader& other) {
  if (other.failed() && !failed()) {
    error_.emplace(other.take_error());
    at_ = end_;
  }
}

uint8_t ByteReader::u8() {
  if (at_ == end_) {
    malformed("unexpected end");
    return 0;
  }
  return *at_++;
}

uint64_t ByteReader::unsigned_leb(unsigned bits) {
  const Leb leb = decode_unsigned_leb(at_, end_, bits);
  if (leb.status != LebStatus::Ok) {
    malformed(text_of(leb.status));
    return 0;
  }
  at_ = leb.next;
  return leb.value;
}

int64_t ByteReader::signed_leb(unsigned bits) {
  const Leb leb = decode_signed_leb(at_, end_, bits);
  if (leb.status != LebStatus::Ok) {
    malformed(text_of(leb.status));
    return 0;
  }
  at_ = leb.next;
  return static_cast<int64_t>(leb.value);
}

uint64_t ByteReader::fixed(unsigned bytes) {
  uint64_t value = 0;
  for (unsigned i = 0; i < bytes; ++i) value |= uint64_t{u8()} << (8 * i);
  return value;
}

std::span<const uint8_t> ByteReader::bytes(size_t count) {
  if (remaining() < count) {
    malformed(format("unexpected end: {} bytes wanted, {} left", count, remaining()));
    return {};
  }
  const std::span<const uint8_t> result(at_, count);
  at_ += count;
  return result;
}

std::string_view ByteReader::name() {
  const uint64_t start = offset();
  const uint32_t length = u32();
  if (length > kMaxName && length <= remaining()) {
    fail_at(start, ErrorCode::LimitExceeded,
            format("a name of {} bytes, the limit is {}", length, kMaxName));
  }
  const uint64_t text_at = offset();
  const std::span<const uint8_t> text = bytes(length);
  if (!is_utf8(text)) {
    fail_at(text_at, ErrorCode::Malformed, "malformed UTF-8 encoding");
    return {};
  }
  return {static_cast<const char*>(static_cast<const void*>(text.data())), text.size()};
}

uint32_t ByteReader::count(std::string_view what, uint32_t limit) {
  const uint64_t start = offset();
  const uint32_t count = u32();
  // Every entry of every vector takes at least a byte.
  if (count > remaining()) {
    fail_at(start, ErrorCode::Malformed,
            format("unexpected end: {} {} do not fit here", count, what));
    return 0;
  }
  if (count > limit) {
    fail_at(start, ErrorCode::LimitExceeded,
            format("too many {}: {}, the limit is {}", what, count, limit));
    return 0;
  }
  return count;
}

ByteReader ByteReader::sub_reader(size_t size) {
  const uint64_t start = offset();
  return ByteReader(bytes(size), start);
}

bool is_utf8(std::span<const uint8_t> bytes) {
  for (size_t i = 0; i < bytes.size();) {
    const uint8_t lead = bytes[i++];
    if (lead < 0x80) continue;
    size_t following = 0;
    uint8_t low = 0x80;  // what the first following byte may be
    uint8_t high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) {
      following = 1;
    } else if (lead >= 0xe0 && lead <= 0xef) {
      following = 2;
      if (lead == 0xe0) low = 0xa0;
      if (lead == 0xed) high = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
      following = 3;
      if (lead == 0xf0) low = 0x90;
      if (lead == 0xf4) high = 0x8f;
    } else {
      return false;
    }
    for (; following != 0; --following, low = 0x80, high = 0xbf) {
      if (i == bytes.size() || bytes[i] < low || bytes[i] > high) return false;
      ++i;
    }
  }
  return true;
}

}  // namespace nacre::wasm
