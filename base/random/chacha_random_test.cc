#include "nacre/base/random/chacha_random.hh"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace nacre::random {
namespace {

// RFC 8439, §2.3.2.
TEST(ChaCha20, BlockFunctionMatchesTheRfc) {
  std::array<uint32_t, kKeyWords> key;
  for (uint32_t i = 0; i < kKeyWords; ++i) key[i] = 0x03020100 + i * 0x04040404;
  const auto block = chacha20_block(key, 1, {0x09000000, 0x4a000000, 0x00000000});
  const std::array<uint32_t, kBlockWords> expected = {
      0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3, 0xc7f4d1c7, 0x0368c033,
      0x9aaa2204, 0x4e6cd4c3, 0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
      0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2};
  EXPECT_EQ(block, expected);
}

TEST(ChaChaRandom, SameSeedSameBytesOtherSeedOtherBytes) {
  const std::vector<uint8_t> seed(32, 7);
  std::vector<uint8_t> other = seed;
  other.back() ^= 1;
  std::vector<uint8_t> a(1000), b(1000), c(1000);
  ChaChaRandom(seed).fill(a);
  ChaChaRandom(seed).fill(b);
  ChaChaRandom(other).fill(c);
  EXPECT_EQ(a, b);
  EXPECT_NE(a, c);
}

TEST(ChaChaRandom, EveryLengthIsFilledAndNothingRepeats) {
  ChaChaRandom random(std::vector<uint8_t>{1, 2, 3});
  std::set<uint64_t> seen;
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(seen.insert(random.next()).second);
  for (size_t length = 0; length < 200; ++length) {
    std::vector<uint8_t> bytes(length + 1, 0xa5);
    random.fill(std::span(bytes).first(length));
    EXPECT_EQ(bytes.back(), 0xa5) << length;
    // A byte keeps its old value once in 256 times: more than a third of them unchanged is a hole.
    size_t unchanged = 0;
    for (size_t i = 0; i < length; ++i) unchanged += bytes[i] == 0xa5 ? 1 : 0;
    EXPECT_LE(unchanged, length / 3 + 2) << length;
  }
}

TEST(ChaChaRandom, MixingChangesWhatFollows) {
  ChaChaRandom a(std::vector<uint8_t>(32, 1));
  ChaChaRandom b(std::vector<uint8_t>(32, 1));
  b.mix(std::vector<uint8_t>{});
  EXPECT_NE(a.next(), b.next());
}

}  // namespace
}  // namespace nacre::random
