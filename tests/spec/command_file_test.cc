#include "nacre/tests/spec/command_file.hh"

#include <gtest/gtest.h>

#include <string>

namespace nacre::spec {
namespace {

// Little-endian pieces, put together by hand after the layout in the header.
class Builder {
 public:
  Builder& u8(uint8_t value) {
    bytes_.push_back(value);
    return *this;
  }
  Builder& u32(uint32_t value) {
    for (int i = 0; i < 4; ++i) u8(static_cast<uint8_t>(value >> (8 * i)));
    return *this;
  }
  Builder& u64(uint64_t value) {
    return u32(static_cast<uint32_t>(value)).u32(static_cast<uint32_t>(value >> 32));
  }
  Builder& raw(std::string_view text) {
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    return *this;
  }
  Builder& text(std::string_view text) { return u32(static_cast<uint32_t>(text.size())).raw(text); }
  [[nodiscard]] const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
};

Builder sample() {
  Builder file;
  file.raw("nacrespc").u32(1).text("sample").u32(3);
  file.u8(0).u32(7).text("SIMD");
  file.u8(1).u32(8).text("$m").text("bytes");
  file.u8(6).u32(9);  // return
  file.u8(0).text("").text("add").u32(1).u8(0x7f).u8(0).u64(41);
  file.u32(1).u8(0x7d).u8(1).u64(0);
  return file;
}

TEST(CommandFile, IsReadBack) {
  const Builder built = sample();
  const auto file = parse_command_file(built.bytes());
  ASSERT_TRUE(file) << file.error().to_string();
  EXPECT_EQ(file->name, "sample");
  ASSERT_EQ(file->commands.size(), 3U);
  EXPECT_EQ(file->commands[0].text, "SIMD");
  EXPECT_EQ(file->commands[1].name, "$m");
  EXPECT_EQ(file->commands[1].module.size(), 5U);
  const Command& last = file->commands[2];
  EXPECT_EQ(last.kind, CommandKind::Return);
  EXPECT_EQ(last.line, 9U);
  EXPECT_EQ(last.action.field, "add");
  EXPECT_EQ(last.action.arguments.at(0).bits, 41U);
  EXPECT_EQ(last.expected.at(0).type, wasm::ValType::F32);
  EXPECT_EQ(last.expected.at(0).match, Value::Match::CanonicalNan);
}

TEST(CommandFile, RefusesEveryTruncationAndSurplus) {
  const Builder built = sample();
  for (size_t size = 0; size < built.bytes().size(); ++size) {
    const std::vector<uint8_t> part(built.bytes().begin(),
                                    built.bytes().begin() + static_cast<ptrdiff_t>(size));
    EXPECT_FALSE(parse_command_file(part)) << size;
  }
  Builder more = sample();
  EXPECT_FALSE(parse_command_file(more.u8(0).bytes()));
}

}  // namespace
}  // namespace nacre::spec
