// A random generator fit for cryptography: the ChaCha20 block function (RFC 8439, §2.3) under a key that the generator replaces by
// its own output after every request, so that a later look at the state tells nothing of earlier output ("fast key erasure").
//
// Its output is as unpredictable as its seed; it never runs dry. Not thread-safe: one per CPU, or under a lock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace nacre::random {

inline constexpr size_t kKeyWords = 8;
inline constexpr size_t kBlockWords = 16;

// One keystream block of RFC 8439 (32-bit counter, 96-bit nonce).
[[nodiscard]] std::array<uint32_t, kBlockWords> chacha20_block(
    const std::array<uint32_t, kKeyWords>& key, uint32_t counter,
    const std::array<uint32_t, 3>& nonce);

class ChaChaRandom {
 public:
  // Mixes all bytes of the seed into the key. Of good use are 32 bytes or more.
  explicit ChaChaRandom(std::span<const uint8_t> seed);

  // Adds further entropy; never makes the state worse.
  void mix(std::span<const uint8_t> seed);
  void fill(std::span<uint8_t> out);
  [[nodiscard]] uint64_t next();

 private:
  std::array<uint32_t, kKeyWords> key_{};
};

}  // namespace nacre::random
