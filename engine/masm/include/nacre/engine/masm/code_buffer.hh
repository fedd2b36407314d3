// A growing run of machine code. Appending costs a compare, a store and an add; growing copies,
// amortised.
//
// Failure is sticky: when memory runs out, or the code exceeds kMaximumSize, the buffer keeps
// accepting words (over its own beginning) and `failed()` says so. Callers ask once, at the end,
// instead of at every instruction; offsets obtained meanwhile stay valid arguments for read and
// patch.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "nacre/base/core/panic.hh"

namespace nacre::masm {

class CodeBuffer {
 public:
  // Reach of a pc-relative address on every supported ISA is ±2 GiB; half of it leaves room for
  // data beside the code.
  static constexpr uint32_t kMaximumSize = 1u << 30;

  // `expected_size`: bytes to allocate at once; a guess.
  explicit CodeBuffer(uint32_t expected_size = 0);
  CodeBuffer(const CodeBuffer&) = delete;
  CodeBuffer& operator=(const CodeBuffer&) = delete;

  // Bytes emitted so far: the offset of the next instruction.
  [[nodiscard]] uint32_t position() const { return static_cast<uint32_t>(cursor_ - begin_); }
  [[nodiscard]] bool failed() const { return failed_; }

  void emit16(uint16_t half) {
    if (limit_ - cursor_ < 2) [[unlikely]]
      grow();
    std::memcpy(cursor_, &half, sizeof half);
    cursor_ += sizeof half;
  }
  void emit32(uint32_t word) {
    if (limit_ - cursor_ < 4) [[unlikely]]
      grow();
    std::memcpy(cursor_, &word, sizeof word);
    cursor_ += sizeof word;
  }

  // `offset` must lie at least four (two) bytes before the position at some earlier time.
  [[nodiscard]] uint32_t read32(uint32_t offset) const {
    ASSERT(uint64_t{offset} + 4 <= capacity());
    uint32_t word = 0;
    std::memcpy(&word, begin_ + offset, sizeof word);
    return word;
  }
  void patch32(uint32_t offset, uint32_t word) {
    ASSERT(uint64_t{offset} + 4 <= capacity());
    std::memcpy(begin_ + offset, &word, sizeof word);
  }
  // The word before the position. At least four bytes must have been emitted.
  [[nodiscard]] uint32_t last32() const {
    uint32_t word = 0;
    std::memcpy(&word, cursor_ - 4, sizeof word);
    return word;
  }
  void replace_last32(uint32_t word) { std::memcpy(cursor_ - 4, &word, sizeof word); }
  // Forgets the last `bytes` bytes.
  void drop(uint32_t bytes) {
    ASSERT(bytes <= position());
    cursor_ -= bytes;
  }

  // Gives the code away and starts anew, empty.
  [[nodiscard]] std::vector<uint8_t> take();

 private:
  [[nodiscard]] uint64_t capacity() const { return static_cast<uint64_t>(limit_ - begin_); }
  void attach(uint32_t position);
  void grow();

  // INVARIANT: begin_ ≤ cursor_ ≤ limit_; [begin_, limit_) is all of storage_, never less than
  // kMinimumCapacity.
  uint8_t* begin_ = nullptr;
  uint8_t* cursor_ = nullptr;
  uint8_t* limit_ = nullptr;
  std::vector<uint8_t> storage_;
  bool failed_ = false;
};

}  // namespace nacre::masm
