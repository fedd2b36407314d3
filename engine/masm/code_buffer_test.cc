#include "nacre/engine/masm/code_buffer.hh"

#include <gtest/gtest.h>

namespace nacre::masm {
namespace {

TEST(CodeBuffer, KeepsWordsAcrossGrowth) {
  CodeBuffer buffer;
  constexpr uint32_t kWords = 100'000;
  for (uint32_t i = 0; i < kWords; ++i) buffer.emit32(i * 2654435761u);
  ASSERT_FALSE(buffer.failed());
  ASSERT_EQ(buffer.position(), 4 * kWords);
  for (uint32_t i = 0; i < kWords; ++i) ASSERT_EQ(buffer.read32(4 * i), i * 2654435761u);
}

TEST(CodeBuffer, GivesLittleEndianBytes) {
  CodeBuffer buffer(4097);
  buffer.emit32(0xdeadbeef);
  buffer.emit32(0x12345678);
  EXPECT_EQ(buffer.position(), 8u);
  const CodeBytes code = buffer.take();
  const CodeBytes expected = {0xef, 0xbe, 0xad, 0xde, 0x78, 0x56, 0x34, 0x12};
  EXPECT_EQ(code, expected);
  EXPECT_EQ(buffer.position(), 0u);
}

TEST(CodeBuffer, PatchesAndDrops) {
  CodeBuffer buffer(1 << 16);
  buffer.emit32(1);
  buffer.emit32(2);
  buffer.patch32(0, 7);
  buffer.replace_last32(8);
  EXPECT_EQ(buffer.last32(), 8u);
  buffer.drop_last();
  EXPECT_EQ(buffer.last32(), 7u);
  EXPECT_EQ(buffer.take().size(), 4u);
}

TEST(CodeBuffer, RefusesPatchesOutside) {
  CodeBuffer buffer;
  EXPECT_DEATH(buffer.patch32(4096, 0), "assertion failed");
}

}  // namespace
}  // namespace nacre::masm
