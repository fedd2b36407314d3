#include "nacre/engine/wasi/vfs/file_data.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace nacre::vfs {
namespace {

constexpr uint64_t kPlenty = uint64_t{1} << 40;

std::vector<uint8_t> noise(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<uint8_t> bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

std::vector<uint8_t> contents(const FileData& file) {
  std::vector<uint8_t> bytes(file.size());
  EXPECT_EQ(file.read(0, bytes), bytes.size());
  return bytes;
}

TEST(FileData, ImageIsReadInPlaceAndNeverWritten) {
  FixedBudget budget(kPlenty);
  const std::vector<uint8_t> image = noise(50000, 1);
  const std::vector<uint8_t> untouched = image;
  FileData file(budget, image);
  EXPECT_EQ(file.piece(0, 1 << 20).data(), image.data());
  EXPECT_EQ(file.piece(0, 1 << 20).size(), image.size());
  EXPECT_EQ(budget.used(), 0u);
  const uint8_t byte = 7;
  ASSERT_EQ(file.write(20000, std::span(&byte, 1)), 1u);
  EXPECT_EQ(image, untouched);
  std::vector<uint8_t> expected = image;
  expected[20000] = 7;
  EXPECT_EQ(contents(file), expected);
}

TEST(FileData, ShrinkingAndGrowingShowsZeros) {
  FixedBudget budget(kPlenty);
  const std::vector<uint8_t> image = noise(40000, 2);
  FileData file(budget, image);
  ASSERT_TRUE(file.write(10, noise(20000, 3)));
  ASSERT_TRUE(file.resize(17));
  ASSERT_TRUE(file.resize(60000));
  const std::vector<uint8_t> bytes = contents(file);
  EXPECT_TRUE(std::all_of(bytes.begin() + 17, bytes.end(), [](uint8_t b) { return b == 0; }));
  EXPECT_EQ(bytes[3], image[3]);
}

TEST(FileData, SparseFilesCostWhatIsWritten) {
  FixedBudget budget(1 << 20);
  FileData file(budget);
  const uint8_t byte = 1;
  ASSERT_TRUE(file.write(FileData::kMaxSize - 1, std::span(&byte, 1)));
  EXPECT_EQ(file.size(), FileData::kMaxSize);
  EXPECT_LE(budget.used(), 2 * FileData::kChunkSize);
  EXPECT_EQ(file.piece(1234567890123, 10).size(), 10u);
  EXPECT_EQ(file.write(FileData::kMaxSize, std::span(&byte, 1)).error(), Errno::FileTooBig);
  EXPECT_EQ(file.resize(FileData::kMaxSize + 1).error(), Errno::FileTooBig);
  EXPECT_EQ(file.allocate(~uint64_t{0}, 2).error(), Errno::FileTooBig);
}

TEST(FileData, RunningOutOfSpaceWritesWhatFits) {
  FixedBudget budget(10 * FileData::kChunkSize);
  {
    FileData file(budget);
    const auto count = file.write(0, noise(20 * FileData::kChunkSize, 4));
    ASSERT_TRUE(count);
    EXPECT_EQ(*count, 9 * FileData::kChunkSize);  // the tenth has no room beside the bookkeeping
    EXPECT_EQ(file.size(), *count);
    EXPECT_EQ(file.write(1 << 20, noise(FileData::kChunkSize, 5)).error(), Errno::NoSpace);
    EXPECT_EQ(file.size(), *count);
    ASSERT_TRUE(file.resize(0));
    EXPECT_EQ(budget.used(), 0u);
    EXPECT_TRUE(file.write(0, noise(100, 6)));
  }
  EXPECT_EQ(budget.used(), 0u);
}

TEST(FileData, AllocateReservesOrLeavesEverything) {
  FixedBudget budget(10 * FileData::kChunkSize);
  FileData file(budget);
  ASSERT_TRUE(file.write(0, noise(100, 7)));
  const std::vector<uint8_t> before = contents(file);
  EXPECT_EQ(file.allocate(0, 100 * FileData::kChunkSize).error(), Errno::NoSpace);
  EXPECT_EQ(contents(file), before);
  ASSERT_TRUE(file.allocate(50, 5 * FileData::kChunkSize));
  EXPECT_EQ(file.size(), 50 + 5 * FileData::kChunkSize);
  const uint64_t used = budget.used();
  ASSERT_TRUE(file.write(0, noise(5 * FileData::kChunkSize, 8)));
  EXPECT_EQ(budget.used(), used);
}

TEST(FileData, AbandonedRunLeavesNothingBehind) {
  FixedBudget budget(kPlenty);
  FileData file(budget);
  ASSERT_TRUE(file.write(0, noise(10, 9)));
  auto run = file.writable_piece(5, 100);
  ASSERT_TRUE(run);
  std::fill(run->begin() + 5, run->end(), uint8_t{0xff});
  file.abandon(5, *run);
  ASSERT_TRUE(file.resize(105));
  const std::vector<uint8_t> bytes = contents(file);
  EXPECT_TRUE(std::all_of(bytes.begin() + 10, bytes.end(), [](uint8_t b) { return b == 0; }));
}

// Random writes, resizes and allocations against a plain vector.
TEST(FileData, AgreesWithAVector) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&random](uint64_t n) { return static_cast<uint64_t>(random()) % n; };
    FixedBudget budget(kPlenty);
    const std::vector<uint8_t> image = noise(below(3) == 0 ? 0 : below(70000), seed + 1000);
    {
      FileData file(budget, image);
      std::vector<uint8_t> model = image;
      for (int step = 0; step < 80; ++step) {
        const uint64_t offset = below(90000);
        const uint64_t length = below(below(2) == 0 ? 300 : 40000);
        switch (below(6)) {
          case 0:
            ASSERT_TRUE(file.resize(offset));
            model.resize(offset);
            break;
          case 1:
            ASSERT_TRUE(file.allocate(offset, length));
            if (length != 0) model.resize(std::max<uint64_t>(model.size(), offset + length));
            break;
          default: {
            const std::vector<uint8_t> bytes = noise(length, seed * 100 + step);
            ASSERT_EQ(file.write(offset, bytes), length);
            if (length == 0) break;
            model.resize(std::max<uint64_t>(model.size(), offset + length));
            std::copy(bytes.begin(), bytes.end(), model.begin() + static_cast<ptrdiff_t>(offset));
          }
        }
        ASSERT_EQ(file.size(), model.size()) << "seed " << seed << " step " << step;
        ASSERT_EQ(contents(file), model) << "seed " << seed << " step " << step;
      }
    }
    EXPECT_EQ(budget.used(), 0u);
  }
}

}  // namespace
}  // namespace nacre::vfs
