// What is the APLIC's and the IMSIC's own; interrupts_test.cc has what all controllers do.
#include "nacre/kernel/dev/aplic.hh"

#include <gtest/gtest.h>

#include "fake_interrupts.hh"

namespace nacre::dev {
namespace {

constexpr std::array<uint32_t, 2> kHarts = {1, 0};

struct Nothing final : InterruptHandler {
  void on_interrupt() noexcept override { ++count; }
  int count = 0;
};

TEST(Aplic, WritesTheRegistersOfTheSpecification) {
  FakeAplic registers;
  registers.registers[0x4 + 4 * 9] = 6;
  registers.enabled = {10, 70};
  Aplic aplic(registers, 96, kHarts);
  EXPECT_EQ(registers.registers.at(0), 0x100u) << "on, direct";
  EXPECT_EQ(registers.mode_of(10), 0u);
  EXPECT_TRUE(registers.enabled.empty());
  ASSERT_TRUE(aplic.open_cpu(CpuId{0}));
  EXPECT_EQ(registers.registers.at(0x4020), 1u) << "delivery to hart 1";
  Nothing handler;
  const std::array<std::pair<Trigger, uint32_t>, 4> modes = {
      {{Trigger::Rising, 4}, {Trigger::Falling, 5}, {Trigger::High, 6}, {Trigger::Low, 7}}};
  for (uint32_t i = 0; i < modes.size(); ++i) {
    ASSERT_TRUE(aplic.connect(i + 1, handler, modes[i].first, CpuId{0}).has_value());
    EXPECT_EQ(registers.mode_of(i + 1), modes[i].second);
  }
  EXPECT_EQ(registers.registers.at(0x3004), uint32_t{1} << 18 | 1u) << "hart 1, a priority";
}

TEST(Aplic, DoesNotServeALineThatFell) {
  FakeAplic registers;
  registers.is_slow = true;
  Aplic aplic(registers, 96, kHarts);
  ASSERT_TRUE(aplic.open_cpu(CpuId{0}));
  struct Lowering final : InterruptHandler {
    explicit Lowering(FakeAplic& r) : registers(r) {}
    void on_interrupt() noexcept override {
      ++count;
      registers.lower(10);
    }
    FakeAplic& registers;
    int count = 0;
  } handler(registers);
  ASSERT_TRUE(aplic.connect(10, handler, Trigger::High, CpuId{0}).has_value());
  aplic.unmask(10);
  registers.raise(10);
  EXPECT_EQ(aplic.dispatch(CpuId{0}), 1u);
  EXPECT_EQ(handler.count, 1);
  EXPECT_EQ(aplic.spurious(), 1u);
}

TEST(MessageAplic, WritesTheRegistersOfTheSpecification) {
  FakeImsics imsics;
  FakeAplic registers(&imsics);
  MessageAplic aplic(registers, 96, kHarts, imsics, 255);
  EXPECT_EQ(registers.registers.at(0), 0x104u) << "on, by message";
  ASSERT_TRUE(aplic.open_cpu(CpuId{0}));
  auto& file = imsics.files[0].registers;
  EXPECT_EQ(file.at(0x70), 1u);
  EXPECT_EQ(file.at(0x72), 0u);
  // 1 to 97: the number for pokes and 96 sources.
  EXPECT_EQ(file.at(0xc0), ~uint64_t{1});
  EXPECT_EQ(file.at(0xc2), (uint64_t{1} << 34) - 1);
  Nothing handler;
  ASSERT_TRUE(aplic.connect(10, handler, Trigger::High, CpuId{0}).has_value());
  EXPECT_EQ(registers.registers.at(0x3004 + 4 * 9), uint32_t{1} << 18 | 11u);
}

TEST(MessageAplic, HasAsManySourcesAsTheImsicsHaveNumbers) {
  FakeImsics imsics;
  FakeAplic registers(&imsics);
  EXPECT_EQ(MessageAplic(registers, 96, kHarts, imsics, 63).sources(), 62u);
  EXPECT_EQ(MessageAplic(registers, 96, kHarts, imsics, 1).sources(), 0u);
  EXPECT_EQ(MessageAplic(registers, 5000, kHarts, imsics, 2047).sources(),
            InterruptController::kMaxSources);
}

TEST(MessageAplic, PokesAreServedByArriving) {
  FakeImsics imsics;
  FakeAplic registers(&imsics);
  MessageAplic aplic(registers, 96, kHarts, imsics, 255);
  ASSERT_TRUE(aplic.open_cpu(CpuId{0}));
  imsics.send(0, MessageAplic::kPokeNumber);
  EXPECT_EQ(aplic.dispatch(CpuId{0}), 1u);
  EXPECT_EQ(aplic.pokes(), 1u);
  EXPECT_EQ(aplic.spurious(), 0u);
}

// Each message is an interrupt: none is sent without a reason.
TEST(MessageAplic, AsksForNoMessageOfALineThatIsLow) {
  FakeImsics imsics;
  FakeAplic registers(&imsics);
  MessageAplic aplic(registers, 96, kHarts, imsics, 255);
  ASSERT_TRUE(aplic.open_cpu(CpuId{1}));
  struct Once final : InterruptHandler {
    explicit Once(FakeAplic& r) : registers(r) {}
    void on_interrupt() noexcept override { registers.lower(10); }
    FakeAplic& registers;
  } handler(registers);
  ASSERT_TRUE(aplic.connect(10, handler, Trigger::High, CpuId{1}).has_value());
  aplic.unmask(10);
  EXPECT_EQ(registers.messages, 0u);
  registers.raise(10);
  EXPECT_EQ(registers.messages, 1u);
  EXPECT_EQ(aplic.dispatch(CpuId{1}), 1u);
  EXPECT_EQ(registers.messages, 1u);
}

TEST(MessageAplic, ServesAnEdgeOnce) {
  FakeImsics imsics;
  FakeAplic registers(&imsics);
  MessageAplic aplic(registers, 96, kHarts, imsics, 255);
  ASSERT_TRUE(aplic.open_cpu(CpuId{1}));
  Nothing handler;
  ASSERT_TRUE(aplic.connect(10, handler, Trigger::Rising, CpuId{1}).has_value());
  aplic.unmask(10);
  registers.raise(10);
  EXPECT_EQ(aplic.dispatch(CpuId{1}), 1u);
  EXPECT_EQ(handler.count, 1) << "although its line is still high";
}

}  // namespace
}  // namespace nacre::dev
