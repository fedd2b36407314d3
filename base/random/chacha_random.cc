#include "nacre/base/random/chacha_random.hh"

#include <algorithm>
#include <bit>
#include <cstring>

namespace nacre::random {
namespace {

constexpr size_t kBlockBytes = kBlockWords * sizeof(uint32_t);
constexpr size_t kKeyBytes = kKeyWords * sizeof(uint32_t);

void quarter_round(std::array<uint32_t, kBlockWords>& s, size_t a, size_t b, size_t c, size_t d) {
  s[a] += s[b];
  s[d] = std::rotl(s[d] ^ s[a], 16);
  s[c] += s[d];
  s[b] = std::rotl(s[b] ^ s[c], 12);
  s[a] += s[b];
  s[d] = std::rotl(s[d] ^ s[a], 8);
  s[c] += s[d];
  s[b] = std::rotl(s[b] ^ s[c], 7);
}

}  // namespace

std::array<uint32_t, kBlockWords> chacha20_block(const std::array<uint32_t, kKeyWords>& key,
                                                 uint32_t counter,
                                                 const std::array<uint32_t, 3>& nonce) {
  // "expand 32-byte k"
  const std::array<uint32_t, kBlockWords> initial = {
      0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, key[0],  key[1],   key[2],   key[3],
      key[4],     key[5],     key[6],     key[7],     counter, nonce[0], nonce[1], nonce[2]};
  std::array<uint32_t, kBlockWords> state = initial;
  for (int round = 0; round < 10; ++round) {
    quarter_round(state, 0, 4, 8, 12);
    quarter_round(state, 1, 5, 9, 13);
    quarter_round(state, 2, 6, 10, 14);
    quarter_round(state, 3, 7, 11, 15);
    quarter_round(state, 0, 5, 10, 15);
    quarter_round(state, 1, 6, 11, 12);
    quarter_round(state, 2, 7, 8, 13);
    quarter_round(state, 3, 4, 9, 14);
  }
  for (size_t i = 0; i < kBlockWords; ++i) state[i] += initial[i];
  return state;
}

ChaChaRandom::ChaChaRandom(std::span<const uint8_t> seed) {
  mix(seed);
}

void ChaChaRandom::mix(std::span<const uint8_t> seed) {
  // Each piece is added to the key, which then passes through the block function; the counter keeps
  // pieces of zeros apart.
  uint32_t counter = 0;
  do {
    const size_t count = std::min(seed.size(), kKeyBytes);
    std::array<uint32_t, kKeyWords> piece{};
    if (count != 0) std::memcpy(piece.data(), seed.data(), count);
    for (size_t i = 0; i < kKeyWords; ++i) key_[i] ^= piece[i];
    const auto block = chacha20_block(key_, counter++, {0, 0, 1});
    std::copy_n(block.begin(), kKeyWords, key_.begin());
    seed = seed.subspan(count);
  } while (!seed.empty());
}

void ChaChaRandom::fill(std::span<uint8_t> out) {
  // Block 0 is split: its first half becomes the next key. 2^32 blocks are 256 GiB, more than any request.
  const auto first = chacha20_block(key_, 0, {0, 0, 0});
  size_t done = std::min(out.size(), kBlockBytes - kKeyBytes);
  if (done != 0) std::memcpy(out.data(), first.data() + kKeyWords, done);
  for (uint32_t counter = 1; done < out.size(); ++counter) {
    const auto block = chacha20_block(key_, counter, {0, 0, 0});
    const size_t count = std::min(out.size() - done, kBlockBytes);
    std::memcpy(out.data() + done, block.data(), count);
    done += count;
  }
  std::copy_n(first.begin(), kKeyWords, key_.begin());
}

uint64_t ChaChaRandom::next() {
  std::array<uint8_t, sizeof(uint64_t)> bytes;
  fill(bytes);
  return std::bit_cast<uint64_t>(bytes);
}

}  // namespace nacre::random
