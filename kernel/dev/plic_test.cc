// What is the PLIC's own; interrupts_test.cc has what all controllers do.
#include "nacre/kernel/dev/plic.hh"

#include <gtest/gtest.h>

#include "fake_interrupts.hh"

namespace nacre::dev {
namespace {

constexpr std::array<uint32_t, 2> kContexts = {1, 3};
constexpr uint64_t kEnable1 = 0x2080;  // context 1, sources 0 to 31
constexpr uint64_t kEnable3 = 0x2180;

struct Nothing final : InterruptHandler {
  void on_interrupt() noexcept override {}
};

TEST(Plic, WritesTheRegistersOfTheSpecification) {
  FakePlic registers;
  registers.registers[0x20'1000] = 7;
  registers.registers[kEnable1] = 0x1;
  Plic plic(registers, 95, kContexts);
  Nothing handler;
  ASSERT_TRUE(plic.open_cpu(CpuId{0}));
  ASSERT_TRUE(plic.open_cpu(CpuId{1}));
  EXPECT_EQ(registers.registers.at(0x20'1000), 0u);
  EXPECT_EQ(registers.registers.at(0x20'3000), 0u);
  ASSERT_TRUE(plic.connect(10, handler, Trigger::High, CpuId{0}).has_value());
  ASSERT_TRUE(plic.connect(33, handler, Trigger::High, CpuId{0}).has_value());
  EXPECT_EQ(registers.registers.at(4 * 10), 0u);
  plic.unmask(10);
  EXPECT_EQ(registers.registers.at(4 * 10), 1u);
  // One bit each.
  EXPECT_EQ(registers.registers.at(kEnable1), 0x401u);
  EXPECT_EQ(registers.registers.at(kEnable1 + 4), 0x2u);
  ASSERT_TRUE(plic.route(10, CpuId{1}).has_value());
  EXPECT_EQ(registers.registers.at(kEnable1), 0x1u);
  EXPECT_EQ(registers.registers.at(kEnable3), 0x400u);
}

TEST(Plic, WhoeverConnectsNextGetsItAlone) {
  FakePlic registers;
  Plic plic(registers, 95, kContexts);
  Nothing handler;
  ASSERT_TRUE(plic.open_cpu(CpuId{0}));
  ASSERT_TRUE(plic.open_cpu(CpuId{1}));
  ASSERT_TRUE(plic.connect(10, handler, Trigger::High, CpuId{0}).has_value());
  ASSERT_TRUE(plic.route(10, CpuId{1}).has_value());
  plic.disconnect(10);
  ASSERT_TRUE(plic.connect(10, handler, Trigger::High, CpuId{0}).has_value());
  EXPECT_EQ(registers.registers.at(kEnable1), 0x400u);
  EXPECT_EQ(registers.registers.at(kEnable3), 0u);
}

TEST(Plic, CompletesWhatItServed) {
  FakePlic registers;
  Plic plic(registers, 95, kContexts);
  Nothing handler;
  ASSERT_TRUE(plic.open_cpu(CpuId{0}));
  ASSERT_TRUE(plic.connect(10, handler, Trigger::High, CpuId{0}).has_value());
  plic.unmask(10);
  registers.lines.insert(10);
  EXPECT_TRUE(registers.interrupts(1));
  plic.dispatch(CpuId{0});
  EXPECT_TRUE(registers.in_service.empty());
}

TEST(Plic, AnInterruptOfNoSourceIsSpurious) {
  FakePlic registers;
  Plic plic(registers, 95, kContexts);
  ASSERT_TRUE(plic.open_cpu(CpuId{0}));
  registers.ghost = 4000;
  EXPECT_EQ(plic.dispatch(CpuId{0}), 1u);
  EXPECT_EQ(plic.spurious(), 1u);
}

}  // namespace
}  // namespace nacre::dev
