// The assembly against the plain one, where there is a machine that runs it: under qemu-riscv64 (tests/boot).
#include "sha256_blocks.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <span>
#include <vector>

namespace nacre::loader {
namespace {

constexpr size_t kBlockBytes = 64;
using State = std::array<uint32_t, 8>;

// Unlike a known answer this starts anywhere, as the loader does in the middle of its image.
TEST(Sha256Blocks, BothSayTheSame) {
  std::mt19937 random(11);
  for (size_t count = 1; count <= 9; ++count) {
    for (size_t shift = 0; shift < 16; ++shift) {
      std::vector<std::byte> bytes(count * kBlockBytes + shift);
      for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
      const std::vector<std::byte> before = bytes;
      State state;
      for (uint32_t& word : state) word = static_cast<uint32_t>(random());
      State expected = state;
      nacre_sha256_blocks(state.data(), bytes.data() + shift, count);
      sha256_blocks_plain(expected.data(), before.data() + shift, count);
      EXPECT_EQ(state, expected) << count << " blocks, shifted by " << shift;
      EXPECT_EQ(bytes, before);
    }
  }
}

// Each bit by itself: a word or a variable that is mixed up with another shows here, whatever the others hold.
TEST(Sha256Blocks, EveryBitCounts) {
  std::array<std::byte, kBlockBytes> block{};
  std::vector<State> seen;
  for (size_t bit = 0; bit < 8 * (kBlockBytes + sizeof(State)); ++bit) {
    block.fill(std::byte{0});
    State state{};
    if (bit < 8 * kBlockBytes) {
      block[bit / 8] = static_cast<std::byte>(1U << bit % 8);
    } else {
      state[(bit - 8 * kBlockBytes) / 32] = 1U << bit % 32;
    }
    State expected = state;
    nacre_sha256_blocks(state.data(), block.data(), 1);
    sha256_blocks_plain(expected.data(), block.data(), 1);
    ASSERT_EQ(state, expected) << "bit " << bit;
    EXPECT_EQ(std::ranges::count(seen, state), 0) << "bit " << bit;
    seen.push_back(state);
  }
}

}  // namespace
}  // namespace nacre::loader
