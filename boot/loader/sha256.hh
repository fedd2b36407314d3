// SHA-256 (FIPS 180-4, 6.2). Our own, since hashing is most of what the loader does: by hand, with everything in
// registers and rotations as instructions (sha256_blocks.S), it takes 35 instructions a byte, the library's 44.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace nacre::loader {

class Sha256 {
 public:
  using Digest = std::array<uint8_t, 32>;
  static constexpr size_t kBlockBytes = 64;

  void update(std::span<const std::byte> bytes);
  // Of everything so far; more may follow.
  [[nodiscard]] Digest digest() const;

 private:
  using State = std::array<uint32_t, 8>;
  static void compress(State& state, const std::byte* blocks, size_t count);

  State state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, kBlockBytes> pending_{};  // the start of the next block
  uint64_t size_ = 0;                             // bytes so far
};

}  // namespace nacre::loader
