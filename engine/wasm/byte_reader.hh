// Reads the parts of the binary format outside function bodies. A failure is sticky: the first one
// is kept, everything read afterwards is zero and the reader is at its end, so that code may read a
// whole entry and check once. Loops over counts must stop on failed().
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "nacre/base/core/error.hh"

namespace nacre::wasm {

class ByteReader {
 public:
  static constexpr uint32_t kMaxName = 100'000;  // bytes

  // `base_offset`: of `bytes` in the module, for errors.
  explicit ByteReader(std::span<const uint8_t> bytes, uint64_t base_offset = 0)
      : begin_(bytes.data()), at_(bytes.data()), end_(at_ + bytes.size()), base_(base_offset) {}

  [[nodiscard]] bool failed() const { return error_.has_value(); }
  [[nodiscard]] bool at_end() const { return at_ == end_; }
  [[nodiscard]] size_t remaining() const { return static_cast<size_t>(end_ - at_); }
  // From the start of the module.
  [[nodiscard]] uint64_t offset() const { return base_ + static_cast<uint64_t>(at_ - begin_); }
  [[nodiscard]] int peek() const { return at_ == end_ ? -1 : *at_; }

  [[nodiscard]] uint8_t u8();
  [[nodiscard]] uint32_t u32() { return static_cast<uint32_t>(unsigned_leb(32)); }
  [[nodiscard]] uint64_t u64() { return unsigned_leb(64); }
  [[nodiscard]] uint64_t unsigned_leb(unsigned bits);
  [[nodiscard]] int64_t signed_leb(unsigned bits);
  // Little-endian, `bytes` ≤ 8.
  [[nodiscard]] uint64_t fixed(unsigned bytes);
  [[nodiscard]] std::span<const uint8_t> bytes(size_t count);
  // A length, and that many bytes of UTF-8; at most kMaxName.
  [[nodiscard]] std::string_view name();
  // A vector's length. More than `limit`, or more than bytes are left, fails.
  [[nodiscard]] uint32_t count(std::string_view what, uint32_t limit);
  // The next `size` bytes as a reader of their own.
  [[nodiscard]] ByteReader sub_reader(size_t size);

  void fail_at(uint64_t offset, ErrorCode code, std::string message);
  void malformed(std::string message) {
    fail_at(offset(), ErrorCode::Malformed, std::move(message));
  }
  void invalid(std::string message) { fail_at(offset(), ErrorCode::Invalid, std::move(message)); }
  void unsupported(std::string_view what, std::string_view feature);
  // Takes over another reader's failure.
  void adopt_failure(ByteReader& other);

  [[nodiscard]] Error take_error() { return *std::move(error_); }

 private:
  const uint8_t* begin_;
  const uint8_t* at_;
  const uint8_t* end_;
  uint64_t base_;
  std::optional<Error> error_;
};

// Unicode 15, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF.
[[nodiscard]] bool is_utf8(std::span<const uint8_t> bytes);

}  // namespace nacre::wasm
