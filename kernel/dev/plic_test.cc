#include "nacre/kernel/dev/plic.hh"

#include <gtest/gtest.h>

#include <deque>
#include <map>

namespace nacre::dev {
namespace {

constexpr uint64_t kClaim1 = 0x20'1004;  // context 1
constexpr uint64_t kEnable1 = 0x2080;    // context 1, sources 0 to 31

class FakePlic final : public RegisterWindow {
 public:
  uint32_t read32(uint64_t offset) noexcept override {
    if (offset != kClaim1) return registers[offset];
    if (pending.empty()) return 0;
    const uint32_t source = pending.front();
    pending.pop_front();
    return source;
  }
  void write32(uint64_t offset, uint32_t value) noexcept override {
    if (offset == kClaim1) {
      completed.push_back(value);
    } else {
      registers[offset] = value;
    }
  }

  std::map<uint64_t, uint32_t> registers;
  std::deque<uint32_t> pending;
  std::vector<uint32_t> completed;
};

struct Counter final : InterruptHandler {
  void on_interrupt() noexcept override { ++count; }
  int count = 0;
};

TEST(Plic, ClaimsAndCompletesUntilNothingIsPending) {
  FakePlic registers;
  Plic plic(registers, 95);
  Counter ten;
  Counter eleven;
  ASSERT_TRUE(plic.connect(10, ten).has_value());
  ASSERT_TRUE(plic.connect(11, eleven).has_value());
  plic.open_context(1);
  registers.pending = {10, 11, 10};
  EXPECT_EQ(plic.dispatch(1), 3u);
  EXPECT_EQ(ten.count, 2);
  EXPECT_EQ(eleven.count, 1);
  EXPECT_EQ(registers.completed, (std::vector<uint32_t>{10, 11, 10}));
  EXPECT_EQ(registers.registers.at(0x20'1000), 0u);
  EXPECT_EQ(registers.registers.at(4 * 10), 1u);
}

TEST(Plic, EnableTouchesOneBit) {
  FakePlic registers;
  Plic plic(registers, 95);
  registers.registers[kEnable1] = 0x1;
  plic.enable(1, 10);
  plic.enable(1, 33);
  EXPECT_EQ(registers.registers.at(kEnable1), 0x401u);
  EXPECT_EQ(registers.registers.at(kEnable1 + 4), 0x2u);
  plic.disable(1, 10);
  EXPECT_EQ(registers.registers.at(kEnable1), 0x1u);
}

TEST(Plic, UnclaimedSourcesAreSwitchedOff) {
  FakePlic registers;
  Plic plic(registers, 95);
  plic.enable(1, 5);
  registers.pending = {5, 4000};
  EXPECT_EQ(plic.dispatch(1), 2u);
  EXPECT_EQ(registers.registers.at(kEnable1), 0u);
  EXPECT_EQ(registers.completed, (std::vector<uint32_t>{5, 4000}));
}

TEST(Plic, ConnectIsChecked) {
  FakePlic registers;
  Plic plic(registers, 95);
  Counter handler;
  EXPECT_EQ(plic.connect(0, handler).error().code(), ErrorCode::InvalidArgument);
  EXPECT_EQ(plic.connect(96, handler).error().code(), ErrorCode::InvalidArgument);
  EXPECT_TRUE(plic.connect(95, handler).has_value());
  EXPECT_EQ(plic.connect(95, handler).error().code(), ErrorCode::AlreadyExists);
}

}  // namespace
}  // namespace nacre::dev
