// What every interrupt controller must do, over all three.
#include "nacre/kernel/dev/interrupts.hh"

#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "fake_interrupts.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/dev/aplic.hh"
#include "nacre/kernel/dev/plic.hh"
#include "test_loop.hh"

namespace nacre::dev {
namespace {

constexpr uint32_t kSources = 95;
constexpr CpuId kCpu0{0};
constexpr CpuId kCpu1{1};
constexpr CpuId kUnreachable{3};
// What the hardware calls the CPUs; in an order that is not theirs.
constexpr std::array<uint32_t, 4> kPlaces = {1, 0, 2, Plic::kNoContext};

enum class Kind : uint8_t { Plic, Aplic, MessageAplic };

// A machine with one of them, lines, and devices' view of it.
class Machine {
 public:
  explicit Machine(Kind kind) : message_registers_(&imsics_) {
    switch (kind) {
      case Kind::Plic:
        controller_ = std::make_unique<Plic>(plic_registers_, kSources, kPlaces);
        break;
      case Kind::Aplic:
        controller_ = std::make_unique<Aplic>(aplic_registers_, kSources, kPlaces);
        break;
      case Kind::MessageAplic:
        controller_ =
            std::make_unique<MessageAplic>(message_registers_, kSources, kPlaces, imsics_, 255);
        break;
    }
    for (uint32_t cpu = 0; cpu < 3; ++cpu) {
      on(CpuId{cpu});
      EXPECT_TRUE(controller_->open_cpu(CpuId{cpu}));
    }
  }
  InterruptController& operator*() { return *controller_; }
  InterruptController* operator->() { return controller_.get(); }
  void raise(uint32_t source) {
    plic_registers_.lines.insert(source);
    aplic_registers_.raise(source);
    message_registers_.raise(source);
  }
  void lower(uint32_t source) {
    plic_registers_.lines.erase(source);
    aplic_registers_.lower(source);
    message_registers_.lower(source);
  }
  // Connects a handler and unmasks its source.
  void listen(uint32_t source, InterruptHandler& handler, CpuId cpu = kCpu0) {
    ASSERT_TRUE(controller_->connect(source, handler, Trigger::High, cpu).has_value());
    controller_->unmask(source);
  }
  uint32_t dispatch(CpuId cpu) {
    on(cpu);
    return controller_->dispatch(cpu);
  }

 private:
  void on(CpuId cpu) { imsics_.current = kPlaces[cpu.value]; }

  FakeImsics imsics_;
  FakePlic plic_registers_;
  FakeAplic aplic_registers_;
  FakeAplic message_registers_;
  std::unique_ptr<InterruptController> controller_;
};

// A device: its handler lowers its line after `work` interrupts.
struct Device final : InterruptHandler {
  Device(Machine& m, uint32_t s, int work) : machine(m), source(s), left(work) {}
  void on_interrupt() noexcept override {
    ++count;
    if (left > 0 && --left == 0) machine.lower(source);
  }
  Machine& machine;
  uint32_t source;
  int left;  // 0: never
  int count = 0;
};

struct Controllers : testing::TestWithParam<Kind> {
  Machine machine{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(All, Controllers,
                         testing::Values(Kind::Plic, Kind::Aplic, Kind::MessageAplic));

TEST_P(Controllers, NothingComesBeforeItIsUnmasked) {
  Device device(machine, 9, 1);
  ASSERT_TRUE(machine->connect(9, device, Trigger::High, kCpu0).has_value());
  machine.raise(9);
  EXPECT_EQ(machine.dispatch(kCpu0), 0u);
  EXPECT_TRUE(machine->is_masked(9));
  machine->unmask(9);
  EXPECT_EQ(machine.dispatch(kCpu0), 1u);
  EXPECT_EQ(device.count, 1);
  EXPECT_EQ(machine->handled(9), 1u);
}

TEST_P(Controllers, ALineThatStaysActiveComesAgain) {
  Device device(machine, 9, 3);
  machine.listen(9, device);
  machine.raise(9);
  EXPECT_EQ(machine.dispatch(kCpu0), 3u);
  EXPECT_EQ(device.count, 3);
  // And again after it was low.
  device.left = 1;
  machine.raise(9);
  EXPECT_EQ(machine.dispatch(kCpu0), 1u);
  EXPECT_EQ(machine->spurious(), 0u);
}

TEST_P(Controllers, WhatComesWhileASourceIsMaskedIsDeliveredLater) {
  Device device(machine, 40, 1);
  machine.listen(40, device);
  machine->mask(40);
  machine.raise(40);
  EXPECT_EQ(machine.dispatch(kCpu0), 0u);
  machine->unmask(40);
  EXPECT_EQ(machine.dispatch(kCpu0), 1u);
}

TEST_P(Controllers, DeliversToTheCpuOfOnesChoice) {
  Device first(machine, 9, 1);
  Device second(machine, 10, 1);
  machine.listen(9, first, kCpu0);
  machine.listen(10, second, kCpu1);
  machine.raise(9);
  machine.raise(10);
  EXPECT_EQ(machine.dispatch(kCpu1), 1u);
  EXPECT_EQ(first.count, 0);
  EXPECT_EQ(second.count, 1);
  EXPECT_EQ(machine.dispatch(kCpu0), 1u);
  EXPECT_EQ(first.count, 1);

  ASSERT_TRUE(machine->route(9, kCpu1).has_value());
  EXPECT_EQ(machine->target(9), kCpu1);
  first.left = 1;
  machine.raise(9);
  EXPECT_EQ(machine.dispatch(kCpu0), 0u);
  EXPECT_EQ(machine.dispatch(kCpu1), 1u);
}

// Its completion must reach the controller all the same.
TEST_P(Controllers, ASourceIsRoutedWhileItIsServed) {
  struct Mover final : InterruptHandler {
    explicit Mover(Machine& m) : machine(m) {}
    void on_interrupt() noexcept override {
      EXPECT_TRUE(machine->route(9, kCpu1).has_value());
      machine.lower(9);
    }
    Machine& machine;
  } mover(machine);
  machine.listen(9, mover);
  machine.raise(9);
  EXPECT_EQ(machine.dispatch(kCpu0), 1u);
  machine.raise(9);
  EXPECT_EQ(machine.dispatch(kCpu1), 1u);
}

TEST_P(Controllers, SpreadDealsSourcesOut) {
  std::vector<std::unique_ptr<Device>> devices;
  for (uint32_t source = 1; source <= 6; ++source) {
    devices.push_back(std::make_unique<Device>(machine, source, 1));
    machine.listen(source, *devices.back());
  }
  machine->spread();
  for (uint32_t source = 1; source <= 6; ++source) machine.raise(source);
  for (uint32_t cpu = 0; cpu < 3; ++cpu) EXPECT_EQ(machine.dispatch(CpuId{cpu}), 2u) << cpu;
}

TEST_P(Controllers, AnInterruptThatIsGoneIsSpurious) {
  EXPECT_EQ(machine.dispatch(kCpu0), 0u);
  EXPECT_EQ(machine->spurious(), 1u);
}

TEST_P(Controllers, WhatNobodyAskedForIsMasked) {
  {
    // Firmware left it on, as it were.
    Device device(machine, 5, 1);
    ASSERT_TRUE(machine->connect(5, device, Trigger::High, kCpu0).has_value());
    machine->disconnect(5);
  }
  machine->unmask(5);
  machine.raise(5);
  EXPECT_EQ(machine.dispatch(kCpu0), 1u);
  EXPECT_EQ(machine->spurious(), 1u);
  EXPECT_TRUE(machine->is_masked(5));
  EXPECT_EQ(machine.dispatch(kCpu0), 0u);
}

// A device that never lets go of its line is masked, and the dispatch comes to an end.
TEST_P(Controllers, AStormIsStopped) {
  Device device(machine, 7, 0);
  Device other(machine, 8, 1);
  machine.listen(7, device);
  machine.listen(8, other);
  machine.raise(7);
  machine.raise(8);
  EXPECT_EQ(machine.dispatch(kCpu0), InterruptController::kStorm + 2);
  EXPECT_EQ(device.count, static_cast<int>(InterruptController::kStorm));
  EXPECT_EQ(other.count, 1) << "others are served";
  EXPECT_EQ(machine->storms(), 1u);
  EXPECT_TRUE(machine->is_masked(7));
  EXPECT_EQ(machine.dispatch(kCpu0), 0u);
}

TEST_P(Controllers, ConnectIsChecked) {
  Device device(machine, 1, 1);
  const auto code = [&](uint32_t source, CpuId cpu) {
    return machine->connect(source, device, Trigger::High, cpu).error().code();
  };
  EXPECT_EQ(code(0, kCpu0), ErrorCode::InvalidArgument);
  EXPECT_EQ(code(kSources + 1, kCpu0), ErrorCode::InvalidArgument);
  EXPECT_EQ(code(1, kUnreachable), ErrorCode::InvalidArgument);
  EXPECT_EQ(code(1, CpuId{64}), ErrorCode::InvalidArgument);
  EXPECT_FALSE(machine->open_cpu(kUnreachable));
  ASSERT_TRUE(machine->connect(kSources, device, Trigger::High, kCpu0).has_value());
  EXPECT_EQ(code(kSources, kCpu0), ErrorCode::AlreadyExists);
  EXPECT_EQ(machine->route(3, kCpu0).error().code(), ErrorCode::InvalidArgument);
  EXPECT_EQ(machine->target(3), std::nullopt);
}

// ---- interrupts that tasks wait for ----

coro::Task<void> serve(Machine& machine, AwaitableInterrupt& interrupt, int& served) {
  while (co_await interrupt.wait()) {
    EXPECT_TRUE(machine->is_masked(interrupt.source())) << "masked while it is served";
    machine.lower(interrupt.source());
    interrupt.note_served();
    ++served;
  }
}

TEST_P(Controllers, InterruptsCanBeAwaited) {
  coro::TestLoop loop;
  const coro::Scheduler::Running running(loop.scheduler);
  auto interrupt = AwaitableInterrupt::connect(*machine, 9, Trigger::High, kCpu1);
  ASSERT_TRUE(interrupt.has_value());
  EXPECT_TRUE(machine->is_masked(9)) << "until somebody waits";
  int served = 0;
  coro::Scope scope;
  scope.spawn(serve(machine, **interrupt, served));
  loop.run();
  EXPECT_FALSE(machine->is_masked(9));
  for (int i = 1; i <= 3; ++i) {
    machine.raise(9);
    EXPECT_EQ(machine.dispatch(kCpu1), 1u);
    EXPECT_TRUE(machine->is_masked(9));
    EXPECT_EQ(machine.dispatch(kCpu1), 0u) << "once, although the line is active";
    loop.run();
    EXPECT_EQ(served, i);
    EXPECT_FALSE(machine->is_masked(9));
  }
  scope.cancel_now();
  interrupt->reset();
  machine.raise(9);
  EXPECT_EQ(machine.dispatch(kCpu1), 0u) << "masked for good";
}

coro::Task<void> serve_in_vain(AwaitableInterrupt& interrupt, int& waits, bool& ended) {
  while (co_await interrupt.wait()) ++waits;
  ended = true;
}

TEST_P(Controllers, AnAwaitedStormEndsTheWaiting) {
  coro::TestLoop loop;
  const coro::Scheduler::Running running(loop.scheduler);
  auto interrupt = AwaitableInterrupt::connect(*machine, 9, Trigger::High, kCpu0);
  ASSERT_TRUE(interrupt.has_value());
  int waits = 0;
  bool ended = false;
  coro::Scope scope;
  scope.spawn(serve_in_vain(**interrupt, waits, ended));
  machine.raise(9);
  for (uint32_t i = 0; i < 2 * InterruptController::kStorm && !ended; ++i) {
    loop.run();
    machine.dispatch(kCpu0);
  }
  EXPECT_TRUE(ended);
  EXPECT_EQ(waits, static_cast<int>(InterruptController::kStorm));
  EXPECT_EQ(machine->storms(), 1u);
  EXPECT_TRUE(machine->is_masked(9));
}

TEST_P(Controllers, AwaitingIsChecked) {
  EXPECT_EQ(AwaitableInterrupt::connect(*machine, 0, Trigger::High, kCpu0).error().code(),
            ErrorCode::InvalidArgument);
  const auto interrupt = AwaitableInterrupt::connect(*machine, 9, Trigger::High, kCpu0);
  EXPECT_EQ(AwaitableInterrupt::connect(*machine, 9, Trigger::High, kCpu0).error().code(),
            ErrorCode::AlreadyExists);
  EXPECT_TRUE(machine->target(9).has_value()) << "the one before is still connected";
}

// Who disconnects a handler may destroy it, even while another CPU is inside.
TEST(InterruptController, DisconnectWaitsForTheHandler) {
  struct Slow final : InterruptHandler {
    void on_interrupt() noexcept override {
      entered.store(true);
      while (!leave.load()) std::this_thread::yield();
      left.store(true);
    }
    std::atomic<bool> entered{false};
    std::atomic<bool> leave{false};
    std::atomic<bool> left{false};
  } slow;
  Machine machine(Kind::Plic);
  machine.listen(9, slow);
  machine.raise(9);
  std::thread server([&] { machine.dispatch(kCpu0); });
  while (!slow.entered.load()) std::this_thread::yield();
  std::atomic<bool> disconnected{false};
  std::thread other([&] {
    machine->disconnect(9);
    EXPECT_TRUE(slow.left.load());
    disconnected.store(true);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(disconnected.load());
  slow.leave.store(true);
  other.join();
  server.join();
}

}  // namespace
}  // namespace nacre::dev
