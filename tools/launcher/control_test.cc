#include "control.hh"

#include <gtest/gtest.h>

#include <cstring>

#include "log_view.hh"

namespace nacre::launcher {
namespace {

std::string frame(abi::ControlType type, std::string_view payload) {
  const abi::ControlHeader header{type, static_cast<uint32_t>(payload.size())};
  std::string out(sizeof(header), '\0');
  std::memcpy(out.data(), &header, sizeof(header));
  return out.append(payload);
}

TEST(ControlDecoder, FramesArriveByteByByte) {
  const std::string bytes = frame(abi::ControlType::Progress, "half") +
                            frame(abi::ControlType::Trap, "") +
                            frame(abi::ControlType::Exit, std::string_view("\x07\x01\0\0", 4));
  ControlDecoder decoder;
  std::vector<ControlFrame> frames;
  for (const char c : bytes) {
    decoder.feed(std::string_view(&c, 1));
    auto next = decoder.next();
    ASSERT_TRUE(next.has_value());
    if (*next) frames.push_back(std::move(**next));
  }
  ASSERT_EQ(frames.size(), 3u);
  EXPECT_EQ(frames[0].payload, "half");
  EXPECT_EQ(frames[1].type, abi::ControlType::Trap);
  EXPECT_EQ(frames[2].exit_status(), 7);
}

TEST(ControlDecoder, RefusesWhatTheProtocolDoesNotHave) {
  for (const std::string& bytes :
       {frame(static_cast<abi::ControlType>(0), ""), frame(static_cast<abi::ControlType>(6), ""),
        frame(abi::ControlType::Exit, "123"), std::string("\x02\0\0\0\xff\xff\xff\xff", 8)}) {
    ControlDecoder decoder;
    decoder.feed(bytes);
    EXPECT_FALSE(decoder.next().has_value());
  }
}

TEST(LogView, FirmwareIsHiddenOnceTheKernelRuns) {
  LogView log;
  const auto feed = [&log](std::string_view text) {
    for (const char c : text) log.feed(std::string_view(&c, 1));
  };
  feed("OpenSBI v1.1\r\n");
  EXPECT_EQ(log.take_shown(), "");
  EXPECT_EQ(log.tail(), "OpenSBI v1.1\n");
  feed("Boot HART MEDELEG : 0x1\r\nkernel\r\nup");
  EXPECT_EQ(log.take_shown(), "kernel\nup");
  EXPECT_EQ(log.take_shown(), "");
  EXPECT_EQ(log.tail(), "kernel\nup\n");
}

TEST(LogView, TailIsBounded) {
  LogView log;
  for (int i = 0; i < 100000; ++i) log.feed("line " + std::to_string(i) + "\r\n");
  const std::string tail = log.tail();
  EXPECT_EQ(std::count(tail.begin(), tail.end(), '\n'), 60);
  EXPECT_TRUE(tail.starts_with("line 99940\n")) << tail;
  EXPECT_TRUE(tail.ends_with("line 99999\n"));
}

}  // namespace
}  // namespace nacre::launcher
