#include "nacre/base/cpio/cpio.hh"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace nacre::cpio {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

void append(std::string& archive, std::string_view name, uint32_t mode, std::string_view data) {
  archive +=
      encode_header({.name = name, .mode = mode, .modified_s = 1234, .data = {}}, data.size());
  archive += data;
  archive.append(padding_after(data.size()), '\0');
}

std::string sample() {
  std::string archive;
  append(archive, "config", 0100644, "argv=x");
  append(archive, "root0", 0040755, "");
  append(archive, "root0/a", 0100644, "12345");
  append(archive, "root0/link", 0120777, "a");
  append(archive, "root0/pipe", 0010644, "");
  archive += encode_trailer();
  return archive;
}

TEST(Cpio, RoundTrip) {
  const std::string archive = sample();
  Reader reader(bytes_of(archive));
  std::vector<Entry> entries;
  while (true) {
    const auto entry = reader.next();
    ASSERT_TRUE(entry.has_value()) << entry.error().to_string();
    if (!*entry) break;
    entries.push_back(**entry);
  }
  ASSERT_EQ(entries.size(), 5u);
  EXPECT_EQ(entries[0].name, "config");
  EXPECT_EQ(entries[0].text(), "argv=x");
  EXPECT_EQ(entries[0].kind, EntryKind::File);
  EXPECT_EQ(entries[0].modified_s, 1234u);
  EXPECT_EQ(entries[1].kind, EntryKind::Directory);
  EXPECT_EQ(entries[2].text(), "12345");
  EXPECT_EQ(entries[3].kind, EntryKind::Symlink);
  EXPECT_EQ(entries[3].text(), "a");
  EXPECT_EQ(entries[4].kind, EntryKind::Other);
  // The end stays the end.
  EXPECT_EQ(reader.next().value(), std::nullopt);
}

TEST(Cpio, Find) {
  const std::string archive = sample();
  EXPECT_EQ(find(bytes_of(archive), "root0/a")->text(), "12345");
  EXPECT_EQ(find(bytes_of(archive), "root0/b").error().code(), ErrorCode::NotFound);
}

TEST(Cpio, EveryTruncationIsAnError) {
  const std::string archive = sample();
  for (size_t length = 0; length + 16 < archive.size(); ++length) {
    const std::string cut = archive.substr(0, length);
    const auto result = find(bytes_of(cut), "no such entry");
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code(), ErrorCode::Malformed) << length;
  }
}

TEST(Cpio, HugeSizesStayInBounds) {
  std::string archive = sample();
  archive.replace(6 + 8 * 6, 8, "ffffffff");  // the file size of the first entry
  EXPECT_EQ(Reader(bytes_of(archive)).next().error().code(), ErrorCode::Malformed);
  archive = sample();
  archive.replace(6 + 8 * 11, 8, "fffffffe");  // its name size
  EXPECT_EQ(Reader(bytes_of(archive)).next().error().code(), ErrorCode::Malformed);
}

TEST(Cpio, DamageNeverLeavesTheArchive) {
  const std::string good = sample();
  std::mt19937 random(1);
  size_t accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    // An exact allocation, so that AddressSanitizer sees a read beyond it.
    std::vector<char> bytes(good.begin(), good.begin() + random() % (good.size() + 1));
    for (int flips = 0; flips < 4 && !bytes.empty(); ++flips) {
      static constexpr std::string_view kLikely = "0123456789abcdefF\0/x";
      bytes[random() % bytes.size()] = kLikely[random() % kLikely.size()];
    }
    bytes.shrink_to_fit();
    const auto span = std::as_bytes(std::span(bytes));
    Reader reader(span);
    for (int i = 0; i < 100; ++i) {
      const auto entry = reader.next();
      if (!entry || !*entry) break;
      ++accepted;
      size_t sum = 0;
      for (const std::byte b : (*entry)->data) sum += std::to_integer<size_t>(b);
      EXPECT_LE(sum, 255 * span.size());
      EXPECT_FALSE((*entry)->name.empty());
    }
  }
  EXPECT_GT(accepted, 1000u);
}

}  // namespace
}  // namespace nacre::cpio
