#include "nacre/base/elf/line_table.hh"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace nacre::elf {
namespace {

constexpr uint64_t kBase = 0xffff'ffff'8000'0000;

std::span<const std::byte> span_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

void put_u32(std::string& out, uint64_t value) {
  const auto word = static_cast<uint32_t>(value);
  out.append(std::string_view(static_cast<const char*>(static_cast<const void*>(&word)), 4));
}

// Two functions. "outer" at +0: two bytes at line 10, then an inlined "inner" (line 300, called at 12) that inlines "leaf"
// (line 5, called at 301); then line 13. "plain" at +0x40, of which nothing is known.
std::string sample() {
  // Names behind their files' offsets.
  const std::string symbols("\0\x1couter\0\x21inner\0\x21leaf\0\0plain\0a.cc\0b.hh\0", 38);
  enum : uint8_t { kOuter = 1, kInner = 8, kLeaf = 15, kPlain = 21 };
  EXPECT_EQ(symbols.substr(0x1c, 4), "a.cc");
  const auto bytes = [](std::initializer_list<unsigned> values) {
    std::string out;
    for (const unsigned value : values) out.push_back(static_cast<char>(value));
    return out;
  };
  const std::string outer = bytes({0x20, 23, 3,  0, kOuter, 0, 1, kInner, 12, 1, kLeaf, 0xad, 2,
                                   4,               // rows; above, leaf's call line 301
                                   1,    0,  10,    // +0: node 0, line 10
                                   3,    2,  5,     // +2: leaf, line 5
                                   2,    1,         // +4: the line before
                                   5,    0,  13});  // +8: outer, line 13
  const std::string plain = bytes({0x20, 8, 1, 0, kPlain, 0, 1, 1, 0, 0});
  const uint64_t data = 32 + 8;
  const uint64_t symbols_at = data + outer.size() + plain.size();
  std::string out = "NLT2";
  put_u32(out, 2);
  put_u32(out, kBase & 0xffff'ffff);
  put_u32(out, kBase >> 32);
  put_u32(out, 0x80);
  put_u32(out, 32);
  put_u32(out, symbols_at);
  put_u32(out, symbols_at + symbols.size());
  put_u32(out, 0);
  put_u32(out, data);
  return out + outer + plain + symbols;
}

std::string describe(const LineTable& table, uint64_t address) {
  auto position = table.find(address);
  if (!position) return "nothing";
  std::string out;
  while (const auto frame = position->next()) {
    out += std::string(frame->function) + " " + std::string(frame->file) + ":" +
           std::to_string(frame->line) + (frame->inlined ? " < " : "");
  }
  return out;
}

TEST(LineTable, FindsFunctionsInlinedCallsAndLines) {
  const std::string bytes = sample();
  const auto table = LineTable::parse(span_of(bytes));
  ASSERT_TRUE(table.has_value());
  EXPECT_EQ(describe(*table, kBase), "outer a.cc:10");
  EXPECT_EQ(describe(*table, kBase + 1), "outer a.cc:10");
  EXPECT_EQ(describe(*table, kBase + 2), "leaf b.hh:5 < inner b.hh:301 < outer a.cc:12");
  EXPECT_EQ(describe(*table, kBase + 5), "leaf b.hh:4 < inner b.hh:301 < outer a.cc:12");
  EXPECT_EQ(describe(*table, kBase + 0x3f), "outer a.cc:13");
  EXPECT_EQ(describe(*table, kBase + 0x7f), "plain :0");
  EXPECT_EQ(table->find(kBase + 0x50)->function_start(), kBase + 0x40);
}

TEST(LineTable, KnowsItsLimits) {
  const std::string bytes = sample();
  const auto table = LineTable::parse(span_of(bytes));
  EXPECT_EQ(describe(*table, kBase - 1), "nothing");
  EXPECT_EQ(describe(*table, kBase + 0x80), "nothing");
  EXPECT_EQ(describe(LineTable(), kBase), "nothing");
  EXPECT_FALSE(LineTable::parse({}).has_value());
  EXPECT_FALSE(LineTable::parse(span_of(bytes).first(bytes.size() - 1)).has_value());
  std::string other = bytes;
  other[3] = '1';
  EXPECT_FALSE(LineTable::parse(span_of(other)).has_value());
}

TEST(LineTable, SurvivesAnyDamage) {
  std::mt19937 random(11);
  const std::string good = sample();
  unsigned described = 0;
  for (unsigned round = 0; round < 30000; ++round) {
    // In memory of its own, so that a step outside is seen.
    std::vector<char> bytes(good.begin(), good.end());
    for (unsigned flips = 1 + random() % 4; flips > 0; --flips) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    const auto table = LineTable::parse(std::as_bytes(std::span(bytes)));
    if (!table) continue;
    for (uint64_t offset = 0; offset < 0x80; offset += 6) {
      described += describe(*table, kBase + offset) != "nothing" ? 1 : 0;
    }
  }
  EXPECT_GT(described, 1000u);
}

}  // namespace
}  // namespace nacre::elf
