#include "nacre/kernel/dev/plic.hh"

#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "nacre/base/coro/scope.hh"
#include "test_loop.hh"

namespace nacre::dev {
namespace {

constexpr uint64_t kClaim1 = 0x20'1004;  // context 1
constexpr uint64_t kEnable1 = 0x2080;    // context 1, sources 0 to 31

class FakePlic final : public RegisterWindow {
 public:
  uint32_t read32(uint64_t offset) noexcept override {
    if (offset != kClaim1) return registers[offset];
    if (stuck != 0 && registers[uint64_t{4} * stuck] != 0) return stuck;
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
  uint32_t stuck = 0;  // pending for ever, unless it is masked
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
  EXPECT_EQ(registers.registers.at(4 * 5), 0u);
  EXPECT_EQ(plic.spurious(), 2u);
  // While it is enabled: a controller ignores the completion of a source that is not.
  EXPECT_EQ(registers.registers.at(kEnable1), 0x20u);
  EXPECT_EQ(registers.completed, (std::vector<uint32_t>{5, 4000}));
}

TEST(Plic, AnInterruptThatIsGoneIsSpurious) {
  FakePlic registers;
  Plic plic(registers, 95);
  EXPECT_EQ(plic.dispatch(1), 0u);
  EXPECT_EQ(plic.spurious(), 1u);
}

// A device that never lets go of its line is masked, and the dispatch comes to an end.
TEST(Plic, AStormIsStopped) {
  FakePlic registers;
  registers.stuck = 7;
  Plic plic(registers, 95);
  Counter handler;
  ASSERT_TRUE(plic.connect(7, handler).has_value());
  EXPECT_EQ(plic.dispatch(1), Plic::kStorm + 1);
  EXPECT_EQ(handler.count, static_cast<int>(Plic::kStorm));
  EXPECT_EQ(plic.storms(), 1u);
  EXPECT_EQ(registers.registers.at(4 * 7), 0u);
}

coro::Task<void> serve(AwaitableInterrupt& interrupt, FakePlic& registers, int& served) {
  while (true) {
    co_await interrupt.wait();
    // Masked while it is served.
    EXPECT_EQ(registers.registers.at(4 * 9), 0u);
    ++served;
  }
}

TEST(Plic, InterruptsCanBeAwaited) {
  coro::TestLoop loop;
  const coro::Scheduler::Running running(loop.scheduler);
  FakePlic registers;
  Plic plic(registers, 95);
  auto interrupt = AwaitableInterrupt::connect(plic, 1, 9);
  ASSERT_TRUE(interrupt.has_value());
  EXPECT_EQ(registers.registers.at(4 * 9), 0u) << "masked until somebody waits";
  int served = 0;
  coro::Scope scope;
  scope.spawn(serve(**interrupt, registers, served));
  loop.run();
  EXPECT_EQ(registers.registers.at(4 * 9), 1u);
  for (int i = 1; i <= 3; ++i) {
    registers.pending = {9};
    EXPECT_EQ(plic.dispatch(1), 1u);
    EXPECT_EQ(registers.registers.at(4 * 9), 0u);
    loop.run();
    EXPECT_EQ(served, i);
    EXPECT_EQ(registers.registers.at(4 * 9), 1u);
  }
  scope.cancel_now();
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
