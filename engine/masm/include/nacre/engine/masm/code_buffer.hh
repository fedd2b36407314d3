// A growing run of machine code, in words. Appending costs a compare, a store and an add; growing copies,
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

#include "nacre/base/core/panic.hh"
#include "nacre/engine/masm/code_bytes.hh"

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

  // Bytes emitted so far: the offset of the next instruction. Always a multiple of four.
  [[nodiscard]] uint32_t position() const { return static_cast<uint32_t>(cursor_ - begin_); }
  [[nodiscard]] bool failed() const { return failed_; }

  void emit32(uint32_t word) {
    if (cursor_ == limit_) [[unlikely]]
      grow();
    write(cursor_, word);
    cursor_ += 4;
  }

  // `offset` is a multiple of four, and was at least four bytes before the position at some time.
  [[nodiscard]] uint32_t read32(uint32_t offset) const {
    ASSERT(offset < capacity());
    return read(begin_ + offset);
  }
  void patch32(uint32_t offset, uint32_t word) {
    ASSERT(offset < capacity());
    write(begin_ + offset, word);
  }
  // The word before the position. At least one must have been emitted.
  [[nodiscard]] uint32_t last32() const { return read(cursor_ - 4); }
  void replace_last32(uint32_t word) { write(cursor_ - 4, word); }
  // Forgets the last word.
  void drop_last() {
    ASSERT(position() != 0);
    cursor_ -= 4;
  }

  // Gives the code away and starts anew, empty.
  [[nodiscard]] CodeBytes take();

 private:
  // Words are aligned; saying so makes these one instruction on targets that do not like them else.
  static void write(uint8_t* at, uint32_t word) {
    std::memcpy(__builtin_assume_aligned(at, 4), &word, sizeof word);
  }
  [[nodiscard]] static uint32_t read(const uint8_t* at) {
    uint32_t word = 0;
    std::memcpy(&word, __builtin_assume_aligned(at, 4), sizeof word);
    return word;
  }
  [[nodiscard]] uint64_t capacity() const { return static_cast<uint64_t>(limit_ - begin_); }
  void attach(uint32_t position);
  void grow();

  // INVARIANT: begin_ ≤ cursor_ ≤ limit_; [begin_, limit_) is all of storage_, a multiple of four
  // bytes, never less than kMinimumCapacity. Its allocator aligns it for words.
  uint8_t* begin_ = nullptr;
  uint8_t* cursor_ = nullptr;
  uint8_t* limit_ = nullptr;
  CodeBytes storage_;
  bool failed_ = false;
};

}  // namespace nacre::masm
