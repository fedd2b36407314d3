#include "nacre/kernel/dev/uart16550.hh"

#include <gtest/gtest.h>

#include <deque>
#include <string>

namespace nacre::dev {
namespace {

class FakeUart final : public ByteRegisters {
 public:
  uint8_t read8(uint64_t offset) noexcept override {
    if (offset == 5) return received.empty() ? 0x60 : 0x61;
    if (offset == 0 && !received.empty()) {
      const auto byte = static_cast<uint8_t>(received.front());
      received.pop_front();
      return byte;
    }
    return offset == 4 ? modem_control : 0;
  }
  void write8(uint64_t offset, uint8_t value) noexcept override {
    if (offset == 1) interrupt_enable = value;
    if (offset == 2) fifo_control = value;
    if (offset == 4) modem_control = value;
  }
  void type(const std::string& text) { received.insert(received.end(), text.begin(), text.end()); }

  std::deque<char> received;
  uint8_t interrupt_enable = 0;
  uint8_t fifo_control = 0;
  uint8_t modem_control = 1;
};

struct CountingListener final : UartListener {
  void on_input() noexcept override { ++calls; }
  int calls = 0;
};

TEST(Uart16550, SwitchesTheReceiverOnAndLeavesTheRest) {
  FakeUart device;
  const Uart16550 uart(device);
  EXPECT_EQ(device.interrupt_enable, 1);
  EXPECT_EQ(device.fifo_control, 1);
  EXPECT_EQ(device.modem_control, 9);
}

TEST(Uart16550, HandsOverWhatWasTyped) {
  FakeUart device;
  Uart16550 uart(device);
  CountingListener listener;
  uart.set_listener(&listener);
  uart.poll();
  EXPECT_EQ(listener.calls, 0) << "nothing was typed";
  device.type("help\r");
  uart.poll();
  EXPECT_EQ(listener.calls, 1);
  std::string read;
  while (uart.has_input()) read += static_cast<char>(uart.take());
  EXPECT_EQ(read, "help\r");
}

TEST(Uart16550, DropsUpToAKey) {
  FakeUart device;
  Uart16550 uart(device);
  device.type(
      "ab\x03"
      "c");
  uart.poll();
  EXPECT_TRUE(uart.drop_through(3));
  EXPECT_FALSE(uart.drop_through(3));
  EXPECT_EQ(uart.take(), 'c');
  EXPECT_FALSE(uart.has_input());
}

TEST(Uart16550, CountsWhatNobodyReads) {
  FakeUart device;
  Uart16550 uart(device);
  device.type(std::string(Uart16550::kBufferSize, 'a') + "bc");
  uart.poll();
  EXPECT_TRUE(device.received.empty()) << "the interrupt must go away";
  EXPECT_EQ(uart.lost(), 2u);
  EXPECT_EQ(uart.received(), Uart16550::kBufferSize + 2);
  EXPECT_EQ(uart.take(), 'a');
  device.type("d");
  uart.poll();
  uint8_t last = 0;
  while (uart.has_input()) last = uart.take();
  EXPECT_EQ(last, 'd');
}

}  // namespace
}  // namespace nacre::dev
