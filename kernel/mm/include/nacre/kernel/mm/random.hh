// Random numbers: the ChaCha20 block function (RFC 8439, section 2.3) in counter mode, keyed by a seed. After every block of
// output the key is replaced by the block's first half, so that what was handed out cannot be computed back.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace nacre::mm {

class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual uint64_t next() noexcept = 0;
};

class ChaChaRandom final : public RandomSource {
 public:
  constexpr ChaChaRandom() = default;
  explicit ChaChaRandom(std::span<const uint8_t> seed) noexcept { mix(seed); }

  // Adds entropy; what was there before is not lost.
  void mix(std::span<const uint8_t> seed) noexcept;
  uint64_t next() noexcept override;
  void fill(std::span<uint8_t> out) noexcept;

  // The block function, for tests: key (8 words), counter and nonce (4 words) to 16 words.
  static std::array<uint32_t, 16> block(const std::array<uint32_t, 8>& key,
                                        const std::array<uint32_t, 4>& tail) noexcept;

 private:
  void refill() noexcept;

  std::array<uint32_t, 8> key_{};
  uint64_t counter_ = 0;
  std::array<uint64_t, 4> output_{};  // the second half of the last block
  unsigned left_ = 0;                 // numbers in it that were not handed out, from the end
};

}  // namespace nacre::mm
