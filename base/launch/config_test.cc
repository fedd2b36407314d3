#include "nacre/base/launch/config.hh"

#include <gtest/gtest.h>

#include <random>

namespace nacre::launch {
namespace {

Config sample() {
  Config config;
  config.arguments = {"app.wasm", "", "a=b", "line\nbreak", "--", "\xff"};
  config.environment = {"HOME=/", "EMPTY=", "X=a=b"};
  config.preopens = {".", "/data:with:colons"};
  config.invoke = "add";
  config.max_memory_bytes = 1 << 20;
  config.timeout_ns = ~uint64_t{0};
  config.mode = "spec";
  return config;
}

TEST(LaunchConfig, RoundTrip) {
  const auto bytes = encode(sample());
  ASSERT_TRUE(bytes.has_value());
  const auto decoded = decode(*bytes);
  ASSERT_TRUE(decoded.has_value()) << decoded.error().to_string();
  EXPECT_EQ(*decoded, sample());
}

TEST(LaunchConfig, EmptyIsTheDefault) {
  EXPECT_EQ(encode(Config{}).value(), "");
  EXPECT_EQ(decode("").value(), Config{});
}

TEST(LaunchConfig, NulInAValueIsRefused) {
  Config config;
  config.arguments = {std::string("a\0b", 3)};
  EXPECT_EQ(encode(config).error().code(), ErrorCode::InvalidArgument);
}

TEST(LaunchConfig, ErrorsNameTheRecord) {
  using std::string_view_literals::operator""sv;
  for (const auto& [bytes, offset] : {
           std::pair("argv=a\0argv=b"sv, 7u),
           std::pair("argv=a\0colour=red\0"sv, 7u),
           std::pair("argv\0"sv, 0u),
           std::pair("preopen=1:/\0"sv, 0u),
           std::pair("preopen=0\0"sv, 0u),
           std::pair("preopen=0:a\0preopen=0:b\0"sv, 12u),
           std::pair("timeout-ns=\0"sv, 0u),
           std::pair("timeout-ns=1s\0"sv, 0u),
           std::pair("max-memory-size=99999999999999999999\0"sv, 0u),
       }) {
    const auto result = decode(bytes);
    ASSERT_FALSE(result.has_value()) << bytes;
    EXPECT_EQ(result.error().code(), ErrorCode::Malformed);
    EXPECT_EQ(result.error().offset(), offset) << bytes;
  }
}

TEST(LaunchConfig, DamagedBytesNeverCrash) {
  const std::string good = encode(sample()).value();
  std::mt19937 random(7);
  for (int round = 0; round < 5000; ++round) {
    std::string bytes = good.substr(0, random() % (good.size() + 1));
    for (int flips = 0; flips < 3 && !bytes.empty(); ++flips) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    const auto result = decode(bytes);
    // What is accepted must say the same again.
    if (result) EXPECT_EQ(decode(encode(*result).value()).value(), *result);
  }
}

}  // namespace
}  // namespace nacre::launch
