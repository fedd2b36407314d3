// The lines that one CPU has logged and nobody has written out yet. One producer, the CPU itself; one consumer at a time, whoever
// holds the console. Neither waits: what does not fit is counted and lost.
//
// Bytes, circular. `head_` counts what was ever put in, `tail_` what was ever taken out; a record lies between them whole or not
// at all: the release of head_ publishes it, the release of tail_ gives its room back.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace nacre::trace {

template <size_t Size>
class LogRing {
  static_assert((Size & (Size - 1)) == 0);

 public:
  // False, and one more is lost, if there is no room. `text` is at most 65535 bytes.
  bool push(uint64_t time_ns, std::string_view text) noexcept {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    const uint64_t size = sizeof(Header) + text.size();
    if (size > Size - (head - tail_.load(std::memory_order_acquire))) {
      lost_.store(lost_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return false;
    }
    const Header header{time_ns, static_cast<uint32_t>(text.size())};
    put(head, &header, sizeof header);
    put(head + sizeof header, text.data(), text.size());
    // Sequentially consistent, with the exchange that the producer tries the console with: see log.cc.
    head_.store(head + size, std::memory_order_seq_cst);
    return true;
  }

  [[nodiscard]] bool is_empty() const noexcept {
    return head_.load(std::memory_order_seq_cst) == tail_.load(std::memory_order_relaxed);
  }
  // Time of the oldest record. Only when there is one.
  [[nodiscard]] uint64_t front_time_ns() const noexcept { return front().time_ns; }
  // Takes the oldest record; copies as much of it as fits into `out` and returns that.
  template <size_t N>
  std::string_view pop(std::array<char, N>& out) noexcept {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    const Header header = front();
    const size_t count = std::min<size_t>(header.size, N);
    get(tail + sizeof header, out.data(), count);
    tail_.store(tail + sizeof header + header.size, std::memory_order_release);
    return {out.data(), count};
  }
  // Lines lost so far.
  [[nodiscard]] uint64_t lost() const noexcept { return lost_.load(std::memory_order_relaxed); }

 private:
  struct Header {
    uint64_t time_ns;
    uint32_t size;
  };

  [[nodiscard]] Header front() const noexcept {
    Header header;
    get(tail_.load(std::memory_order_relaxed), &header, sizeof header);
    return header;
  }
  void put(uint64_t at, const void* data, size_t size) noexcept {
    const size_t offset = at % Size;
    const size_t first = std::min(size, Size - offset);
    std::memcpy(bytes_.data() + offset, data, first);
    std::memcpy(bytes_.data(), static_cast<const char*>(data) + first, size - first);
  }
  void get(uint64_t at, void* data, size_t size) const noexcept {
    const size_t offset = at % Size;
    const size_t first = std::min(size, Size - offset);
    std::memcpy(data, bytes_.data() + offset, first);
    std::memcpy(static_cast<char*>(data) + first, bytes_.data(), size - first);
  }

  std::array<char, Size> bytes_{};
  std::atomic<uint64_t> head_{0};
  std::atomic<uint64_t> tail_{0};
  std::atomic<uint64_t> lost_{0};
};

}  // namespace nacre::trace
