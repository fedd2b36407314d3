#include "nacre/engine/masm/code_buffer.hh"

#include <algorithm>
#include <new>

namespace nacre::masm {

namespace {
constexpr uint32_t kMinimumCapacity = 4096;
}

CodeBuffer::CodeBuffer(uint32_t expected_size) {
  storage_.resize(std::clamp(expected_size, kMinimumCapacity, kMaximumSize) & ~3u);
  attach(0);
}

void CodeBuffer::attach(uint32_t position) {
  begin_ = storage_.data();
  cursor_ = begin_ + position;
  limit_ = begin_ + storage_.size();
}

void CodeBuffer::grow() {
  const uint32_t used = position();
  const uint64_t wanted = std::min<uint64_t>(uint64_t{storage_.size()} * 2, kMaximumSize);
  if (wanted > storage_.size()) {
    // The one place that turns an allocation failure into the sticky state: emission has no error
    // path.
    try {
      storage_.resize(wanted);
      attach(used);
      return;
    } catch (const std::bad_alloc&) {
    }
  }
  failed_ = true;
  cursor_ = begin_;
}

CodeBytes CodeBuffer::take() {
  storage_.resize(position());
  CodeBytes code = std::move(storage_);
  storage_ = CodeBytes(kMinimumCapacity);
  failed_ = false;
  attach(0);
  return code;
}

}  // namespace nacre::masm
