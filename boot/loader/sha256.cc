#include "sha256.hh"

#include <algorithm>
#include <bit>
#include <cstring>

#include "sha256_blocks.hh"

namespace nacre::loader {

constexpr std::array<uint32_t, 64> nacre_sha256_constants = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

namespace {

uint64_t big_endian(uint64_t value) {
  return std::endian::native == std::endian::little ? std::byteswap(value) : value;
}

}  // namespace

void Sha256::compress(State& state, const std::byte* blocks, size_t count) {
  if (count == 0) return;
#ifdef __riscv
  nacre_sha256_blocks(state.data(), blocks, count);
#else
  sha256_blocks_plain(state.data(), blocks, count);
#endif
}

void Sha256::update(std::span<const std::byte> bytes) {
  const size_t have = size_ % kBlockBytes;
  size_ += bytes.size();
  if (have != 0) {
    const size_t count = std::min(bytes.size(), kBlockBytes - have);
    std::copy_n(bytes.begin(), count, pending_.begin() + static_cast<ptrdiff_t>(have));
    bytes = bytes.subspan(count);
    if (have + count < kBlockBytes) return;
    compress(state_, pending_.data(), 1);
  }
  const size_t blocks = bytes.size() / kBlockBytes;
  compress(state_, bytes.data(), blocks);
  std::ranges::copy(bytes.subspan(blocks * kBlockBytes), pending_.begin());
}

Sha256::Digest Sha256::digest() const {
  // A one bit, zeros, and the length in bits: one block, or two if they do not fit into one.
  std::array<std::byte, 2 * kBlockBytes> tail{};
  const size_t have = size_ % kBlockBytes;
  std::copy_n(pending_.begin(), have, tail.begin());
  tail[have] = std::byte{0x80};
  const size_t size = have + 1 + sizeof(uint64_t) <= kBlockBytes ? kBlockBytes : tail.size();
  const uint64_t bits = big_endian(size_ * 8);
  std::memcpy(tail.data() + size - sizeof bits, &bits, sizeof bits);
  State state = state_;
  compress(state, tail.data(), size / kBlockBytes);
  Digest digest;
  for (size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
  }
  return digest;
}

}  // namespace nacre::loader
