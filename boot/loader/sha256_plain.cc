// As FIPS 180-4, 6.2.2 has it, step by step and with its names: what sha256_blocks.S is held against.
#include <algorithm>
#include <array>
#include <bit>

#include "sha256_blocks.hh"

namespace nacre::loader {
namespace {

constexpr size_t kBlockBytes = 64;

// 4.1.2
uint32_t big_sigma0(uint32_t x) {
  return std::rotr(x, 2) ^ std::rotr(x, 13) ^ std::rotr(x, 22);
}
uint32_t big_sigma1(uint32_t x) {
  return std::rotr(x, 6) ^ std::rotr(x, 11) ^ std::rotr(x, 25);
}
uint32_t small_sigma0(uint32_t x) {
  return std::rotr(x, 7) ^ std::rotr(x, 18) ^ (x >> 3);
}
uint32_t small_sigma1(uint32_t x) {
  return std::rotr(x, 17) ^ std::rotr(x, 19) ^ (x >> 10);
}
uint32_t choice(uint32_t x, uint32_t y, uint32_t z) {
  return (x & y) ^ (~x & z);
}
uint32_t majority(uint32_t x, uint32_t y, uint32_t z) {
  return (x & y) ^ (x & z) ^ (y & z);
}

std::array<uint32_t, 64> message_schedule(const std::byte* block) {
  std::array<uint32_t, 64> w{};
  for (size_t i = 0; i < kBlockBytes; ++i)
    w[i / 4] = w[i / 4] << 8 | static_cast<uint8_t>(block[i]);
  for (size_t t = 16; t < w.size(); ++t) {
    w[t] = small_sigma1(w[t - 2]) + w[t - 7] + small_sigma0(w[t - 15]) + w[t - 16];
  }
  return w;
}

}  // namespace

void sha256_blocks_plain(uint32_t* state, const std::byte* blocks, size_t count) {
  for (; count != 0; --count, blocks += kBlockBytes) {
    const std::array<uint32_t, 64> w = message_schedule(blocks);
    std::array<uint32_t, 8> v;
    std::copy_n(state, v.size(), v.begin());
    for (size_t t = 0; t < w.size(); ++t) {
      const auto [a, b, c, d, e, f, g, h] = v;
      const uint32_t t1 = h + big_sigma1(e) + choice(e, f, g) + nacre_sha256_constants[t] + w[t];
      const uint32_t t2 = big_sigma0(a) + majority(a, b, c);
      v = {t1 + t2, a, b, c, d + t1, e, f, g};
    }
    for (size_t i = 0; i < v.size(); ++i) state[i] += v[i];
  }
}

}  // namespace nacre::loader
