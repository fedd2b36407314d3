#include "sha256.hh"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::loader {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string hex(const Sha256::Digest& digest) {
  std::string out;
  for (const uint8_t byte : digest) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

std::string hash(std::string_view text) {
  Sha256 hash;
  hash.update(bytes_of(text));
  return hex(hash.digest());
}

// FIPS 180-2, appendix B, and the examples that NIST publishes with it.
TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(hash(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(
      hash("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmn"
           "opqrlmnopqrsmnopqrstnopqrstu"),
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  EXPECT_EQ(hash(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// The lengths around the ends of blocks, from a formula in every implementation's tests: byte i is i.
TEST(Sha256, LengthsAroundABlock) {
  std::string text;
  for (int i = 0; i < 65; ++i) text += static_cast<char>(i);
  const std::string_view all = text;
  EXPECT_EQ(hash(all.substr(0, 55)),
            "463eb28e72f82e0a96c0a4cc53690c571281131f672aa229e0d45ae59b598b59");
  EXPECT_EQ(hash(all.substr(0, 56)),
            "da2ae4d6b36748f2a318f23e7ab1dfdf45acdc9d049bd80e59de82a60895f562");
  EXPECT_EQ(hash(all.substr(0, 63)),
            "29af2686fd53374a36b0846694cc342177e428d1647515f078784d69cdb9e488");
  EXPECT_EQ(hash(all.substr(0, 64)),
            "fdeab9acf3710362bd2658cdc9a29e8f9c757fcf9811603a8c447cd1d9151108");
  EXPECT_EQ(hash(all), "4bfd2c8b6f1eec7a2afeb48b934ee4b2694182027e6d0fc075074f2fabb31781");
}

// In pieces it is the same as in one; and a digest on the way changes nothing.
TEST(Sha256, PiecesMakeTheWhole) {
  std::mt19937 random(7);
  for (unsigned round = 0; round < 500; ++round) {
    std::string text(random() % 700, '\0');
    for (char& c : text) c = static_cast<char>(random());
    Sha256 pieces;
    for (std::string_view rest = text; !rest.empty();) {
      const size_t size = std::min<size_t>(rest.size(), 1 + random() % 150);
      pieces.update(bytes_of(rest.substr(0, size)));
      (void)pieces.digest();
      rest.remove_prefix(size);
    }
    ASSERT_EQ(hex(pieces.digest()), hash(text));
  }
}

}  // namespace
}  // namespace nacre::loader
