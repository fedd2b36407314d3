#include "nacre/base/elf/image.hh"

#include <gtest/gtest.h>

#include <random>

#include "image_builder.hh"
#include "nacre/abi/boot_request.hh"

namespace nacre::elf {
namespace {

constexpr uint64_t kBase = 0xffff'ffff'8000'0000;
constexpr uint64_t kSlide = 0x20'0000;
constexpr uint32_t kRead = 4;

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::span<const std::byte> span_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// A data segment at kBase + 0x1000: 64 words that hold their index, the dynamic table, RELA and RELR entries.
std::string sample(std::vector<Rela> rela, std::vector<uint64_t> relr) {
  std::vector<uint64_t> words(64);
  for (uint64_t i = 0; i < words.size(); ++i) words[i] = i;
  const uint64_t data = kBase + 0x1000;
  const uint64_t dynamic = data + words.size() * 8;
  const uint64_t rela_at = dynamic + 5 * sizeof(DynamicEntry);
  const uint64_t relr_at = rela_at + rela.size() * sizeof(Rela);
  const std::vector<DynamicEntry> table = {{kDynamicRela, rela_at},
                                           {kDynamicRelaSize, rela.size() * sizeof(Rela)},
                                           {kDynamicRelr, relr_at},
                                           {kDynamicRelrSize, relr.size() * 8},
                                           {0, 0}};
  const std::string content = bytes_of(words) + bytes_of(table) + bytes_of(rela) + bytes_of(relr);
  ImageBuilder b;
  b.segment(kSegmentLoad, kRead | kFlagExecute, kBase, "code", 4);
  b.segment(kSegmentLoad, kRead | kFlagWrite, data, content, content.size() + 100);
  b.segment(kSegmentDynamic, kRead | kFlagWrite, dynamic, bytes_of(table),
            5 * sizeof(DynamicEntry));
  b.segment(kSegmentTls, kRead, data, "tls!", 32);
  b.segment(kSegmentRelro, kRead, data, "", 0x1000);
  b.segment(abi::BootRequest::kSegmentType, kRead, kBase, "request", 7);
  b.lines("lines");
  return b.finish(kBase);
}

uint64_t word_at(const std::vector<std::byte>& memory, uint64_t offset) {
  uint64_t value;
  std::memcpy(&value, memory.data() + offset, 8);
  return value;
}

TEST(Image, DescribesItsSegments) {
  const std::string file = sample({}, {});
  const auto image = Image::parse(span_of(file));
  ASSERT_TRUE(image.has_value());
  EXPECT_EQ(image->entry(), kBase);
  ASSERT_EQ(image->segments().size(), 2u);
  EXPECT_TRUE(image->segments()[0].executable);
  EXPECT_FALSE(image->segments()[0].writable);
  EXPECT_TRUE(image->segments()[1].writable);
  EXPECT_EQ(image->extent().address, kBase);
  EXPECT_EQ(image->tls()->size, 32u);
  EXPECT_EQ(image->tls()->content.size(), 4u);
  EXPECT_EQ(image->relro().size, 0x1000u);
  EXPECT_EQ(image->request().size(), 7u);
}

TEST(Image, LoadCopiesAndZeroes) {
  const std::string file = sample({}, {});
  const auto image = Image::parse(span_of(file));
  std::vector<std::byte> memory(image->extent().size, std::byte{0xee});
  image->load(memory);
  EXPECT_EQ(static_cast<char>(memory[0]), 'c');
  EXPECT_EQ(memory[4], std::byte{0}) << "between segments";
  EXPECT_EQ(word_at(memory, 0x1000 + 8 * 63), 63u);
  EXPECT_EQ(memory.back(), std::byte{0}) << "behind the file's part";
}

TEST(Image, RelocatesBothForms) {
  // Word 3 by RELA; words 8, 9 and 11 by RELR (an address, then bits 0 and 2), word 71 is outside the data.
  const uint64_t data = kBase + 0x1000;
  const std::string file = sample({{data + 24, kRelocationRelative, 0x1234}}, {data + 64, 0b1011});
  const auto image = Image::parse(span_of(file));
  std::vector<std::byte> memory(image->extent().size);
  image->load(memory);
  ASSERT_TRUE(image->relocate(memory, kSlide).has_value());
  for (uint64_t i = 0; i < 64; ++i) {
    const uint64_t expected = i == 3                          ? 0x1234 + kSlide
                              : (i == 8 || i == 9 || i == 11) ? i + kSlide
                                                              : i;
    EXPECT_EQ(word_at(memory, 0x1000 + 8 * i), expected) << i;
  }
}

TEST(Image, RefusesRelocationsItCannotApply) {
  const uint64_t data = kBase + 0x1000;
  const std::vector<Rela> bad[] = {
      {{data + 24, 2, 0}},                         // another kind
      {{kBase - 8, kRelocationRelative, 0}},       // before
      {{data + 0x10000, kRelocationRelative, 0}},  // behind
      {{data + 1, kRelocationRelative, 0}},        // misaligned
  };
  for (const auto& rela : bad) {
    const std::string file = sample(rela, {});
    const auto image = Image::parse(span_of(file));
    std::vector<std::byte> memory(image->extent().size);
    image->load(memory);
    EXPECT_EQ(image->relocate(memory, kSlide).error(), ImageError::BadRelocation);
  }
}

ImageError error_of(const std::string& file) {
  return Image::parse(span_of(file)).error();
}

TEST(Image, RefusesWhatIsWrong) {
  const std::string good = sample({}, {});
  EXPECT_EQ(error_of(good.substr(0, 63)), ImageError::Truncated);
  std::string bad = good;
  bad[1] = 'e';
  EXPECT_EQ(error_of(bad), ImageError::NotElf);
  bad = good;
  bad[18] = 62;
  EXPECT_EQ(error_of(bad), ImageError::NotElf);
  EXPECT_EQ(error_of(ImageBuilder().finish()), ImageError::BadSegment);
  ImageBuilder both;
  both.segment(kSegmentLoad, kFlagWrite | kFlagExecute, kBase, "x", 1);
  EXPECT_EQ(error_of(both.finish()), ImageError::BadSegment);
  ImageBuilder shared_page;
  shared_page.segment(kSegmentLoad, kRead, kBase, "x", 1)
      .segment(kSegmentLoad, kRead, kBase + 8, "x", 1);
  EXPECT_EQ(error_of(shared_page.finish()), ImageError::BadSegment);
  ImageBuilder wraps;
  wraps.segment(kSegmentLoad, kRead, ~uint64_t{0} - 8, "x", 100);
  EXPECT_EQ(error_of(wraps.finish()), ImageError::BadSegment);
  ImageBuilder many;
  for (uint64_t i = 0; i < 9; ++i) many.segment(kSegmentLoad, kRead, kBase + i * 0x1000, "x", 1);
  EXPECT_EQ(error_of(many.finish()), ImageError::TooManySegments);
}

TEST(Image, SurvivesAnyDamage) {
  std::mt19937 random(7);
  const uint64_t data = kBase + 0x1000;
  const std::string good = sample({{data + 24, kRelocationRelative, 1}}, {data + 64, 0b1011});
  unsigned relocated = 0;
  unsigned lines_seen = 0;
  for (unsigned round = 0; round < 20000; ++round) {
    std::vector<char> file(good.begin(), good.end());
    for (unsigned flips = 1 + random() % 3; flips > 0; --flips) {
      // Headers and tables, where damage matters, more often than content.
      const size_t limit = random() % 2 == 0 ? 64 + 5 * 56 : file.size();
      file[random() % limit] = static_cast<char>(random());
    }
    const auto image = Image::parse(std::as_bytes(std::span(file)));
    if (!image || image->extent().size > 1 << 20) continue;
    std::vector<std::byte> memory(image->extent().size);
    image->load(memory);
    relocated += image->relocate(memory, kSlide).has_value() ? 1 : 0;
    if (!image->lines().empty()) lines_seen += static_cast<unsigned>(image->lines().back());
  }
  EXPECT_GT(relocated, 100u);
  EXPECT_GT(lines_seen, 100u);
}

TEST(Image, FindsTheLineTable) {
  const std::string file = sample({}, {});
  const auto image = Image::parse(span_of(file));
  ASSERT_EQ(image->lines().size(), 5u);
  EXPECT_EQ(std::memcmp(image->lines().data(), "lines", 5), 0);
}

}  // namespace
}  // namespace nacre::elf
