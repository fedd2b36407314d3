// Float and vector registers of user threads: theirs alone, wherever they run, and moved no more often than need be.
#include "nacre/kernel/trap/vectors.hh"

#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <vector>

#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/testing/all_cpus.hh"
#include "nacre/kernel/testing/test.hh"
#include "nacre/kernel/testing/user_code.hh"
#include "nacre/kernel/trap/dispatch.hh"
#include "nacre/kernel/trap/user_mode.hh"

namespace nacre::trap {
namespace {

extern "C" const uint8_t nacre_vector_program[];
extern "C" const uint8_t nacre_vector_program_end[];
extern "C" const uint8_t nacre_vector_count[];
extern "C" const uint8_t nacre_vector_once[];
extern "C" const uint8_t nacre_no_vector[];
extern "C" const uint8_t nacre_float_once[];

constexpr uint64_t kSliceNs = 200'000;

struct Programs : testing::UserCode {
  Programs() : UserCode({nacre_vector_program, nacre_vector_program_end}) {}
};

// A thread that may have vectors, and gets them by its first use.
class User {
 public:
  User(Programs& programs, bool may_use_vectors)
      : programs_(programs), may_use_vectors_(may_use_vectors) {}
  ~User() {
    forget_registers(context);
    end_vectors(context);
  }
  User(const User&) = delete;
  User& operator=(const User&) = delete;

  void start_at(const uint8_t* label) { context.pc = programs_.address_of(label); }
  // Until a trap that is not the first use of vectors, or an interrupt.
  ExitReason run_once() {
    while (true) {
      const ExitReason exit = enter_user(context);
      if (exit.cause != Cause::IllegalInstruction || !may_use_vectors_ ||
          context.vectors != nullptr)
        return exit;
      area_.resize(vector_area_bytes());
      begin_vectors(context, static_cast<VectorArea*>(static_cast<void*>(area_.data())));
      ++first_uses;
    }
  }
  // Until a trap.
  ExitReason run() {
    mm::activate(programs_.space());
    while (true) {
      const ExitReason exit = run_once();
      if (!exit.is_interrupt()) {
        mm::deactivate();
        return exit;
      }
      exec::this_port().serve_interrupts();
    }
  }
  // Until the timer, then away from this CPU.
  coro::Task<void> run_slice() {
    mm::activate(programs_.space());
    exec::this_executor().arm_until(arch::now_ns() + kSliceNs);
    const ExitReason exit = run_once();
    EXPECT(exit.is_interrupt());
    exec::this_port().serve_interrupts();
    forget_registers(context);
    mm::deactivate();
    co_return;
  }
  // Byte `index` of v0 to v31, one behind the other.
  [[nodiscard]] uint8_t vector_byte(size_t index) const {
    return std::to_integer<uint8_t>(area_[sizeof(VectorArea) + index]);
  }
  [[nodiscard]] size_t vector_bytes() const { return area_.size() - sizeof(VectorArea); }

  UserContext context{};
  unsigned first_uses = 0;

 private:
  Programs& programs_;
  bool may_use_vectors_;
  std::vector<std::byte> area_;
};

NACRE_KERNEL_TEST(vectors, are_illegal_without_permission) {
  Programs programs;
  User user(programs, false);
  user.start_at(nacre_vector_once);
  const ExitReason exit = user.run();
  EXPECT(exit.cause == Cause::IllegalInstruction);
  EXPECT_EQ(user.context.pc, programs.address_of(nacre_vector_once));
}

NACRE_KERNEL_TEST(vectors, begin_with_zeros_and_are_as_long_as_the_machine_says) {
  if (!arch::cpu_features().v) {
    EXPECT_EQ(vector_area_bytes(), size_t{0});
    SKIP("no vector instructions");
  }
  Programs programs;
  User user(programs, true);
  user.context[Register::S1] = 0x1234;
  user.start_at(nacre_vector_once);
  EXPECT(user.run().cause == Cause::Breakpoint);
  EXPECT_EQ(user.first_uses, 1u);
  forget_registers(user.context);
  EXPECT_EQ(user.context.vectors->length, uint64_t{4});
  EXPECT_EQ(user.context.vectors->type, uint64_t{0xc8});  // vma, vta, e16, m1
  const size_t length = user.vector_bytes() / 32;
  EXPECT(std::has_single_bit(length) && length >= 16);
  for (size_t i = 0; i < user.vector_bytes(); ++i) {
    const size_t in_v9 = i - 9 * length;
    // The tail is undisturbed or all ones.
    if (in_v9 >= 8 && in_v9 < length) continue;
    const uint8_t expected = in_v9 >= 8 ? 0 : in_v9 % 2 == 0 ? 0x34 : 0x12;
    if (user.vector_byte(i) != expected) {
      EXPECT_EQ(user.vector_byte(i), expected);
      break;
    }
  }
}

NACRE_KERNEL_TEST(vectors, are_stored_only_when_they_changed) {
  if (!arch::cpu_features().v) SKIP("no vector instructions");
  Programs programs;
  User user(programs, true);
  const RegisterTraffic& traffic = register_traffic_of_this_cpu();
  const auto run = [&](const uint8_t* label) {
    user.start_at(label);
    EXPECT(user.run().cause == Cause::Breakpoint);
  };
  const RegisterTraffic before = traffic;
  run(nacre_no_vector);
  forget_registers(user.context);
  EXPECT_EQ(traffic.vector_loads - before.vector_loads, uint64_t{0});
  run(nacre_vector_once);
  run(nacre_vector_once);
  EXPECT_EQ(traffic.vector_loads - before.vector_loads, uint64_t{1});
  EXPECT_EQ(traffic.vector_stores - before.vector_stores, uint64_t{0});
  forget_registers(user.context);
  EXPECT_EQ(traffic.vector_stores - before.vector_stores, uint64_t{1});
  // Loaded, looked at by nobody, and not stored again.
  run(nacre_no_vector);
  forget_registers(user.context);
  EXPECT_EQ(traffic.vector_loads - before.vector_loads, uint64_t{2});
  EXPECT_EQ(traffic.vector_stores - before.vector_stores, uint64_t{1});
  // One without vectors on the same CPU finds them off.
  run(nacre_vector_once);
  User other(programs, false);
  other.start_at(nacre_vector_once);
  EXPECT(other.run().cause == Cause::IllegalInstruction);
  EXPECT_EQ(traffic.vector_stores - before.vector_stores, uint64_t{2});
}

NACRE_KERNEL_TEST(floats, are_stored_only_when_they_changed) {
  Programs programs;
  User one(programs, false);
  User two(programs, false);
  const RegisterTraffic& traffic = register_traffic_of_this_cpu();
  const auto run = [&](User& user, const uint8_t* label) {
    user.start_at(label);
    EXPECT(user.run().cause == Cause::Breakpoint);
  };
  // Whoever was here before may have to be stored.
  run(one, nacre_no_vector);
  const RegisterTraffic before = traffic;
  one.context.f[kFa0 + 1] = std::bit_cast<uint64_t>(2.0);
  restore_float(one.context);
  run(one, nacre_no_vector);
  run(two, nacre_no_vector);
  run(one, nacre_no_vector);
  EXPECT_EQ(traffic.float_stores - before.float_stores, uint64_t{0});
  run(one, nacre_float_once);
  run(one, nacre_float_once);
  EXPECT_EQ(traffic.float_stores - before.float_stores, uint64_t{0});
  run(two, nacre_no_vector);
  EXPECT_EQ(traffic.float_stores - before.float_stores, uint64_t{1});
  EXPECT_EQ(one.context.f[kFa0], std::bit_cast<uint64_t>(4.0));
}

// The bits of a double of that value, below 2^53, without float instructions.
uint64_t double_of(uint64_t value) {
  if (value == 0) return 0;
  const auto exponent = static_cast<uint64_t>(std::bit_width(value)) - 1;
  return (exponent + 1023) << 52 | ((value << (52 - exponent)) & ((uint64_t{1} << 52) - 1));
}

// Whether what a counting thread has in its registers is what one thread alone would have.
void expect_consistent(User& user, uint8_t seed, uint8_t step) {
  const uint64_t count = user.context[Register::S0];
  // It may not even have begun.
  if (count == 0) return;
  // Between two instructions of the loop some have counted and others not yet.
  const auto is_right = [&](uint8_t byte) {
    return byte == static_cast<uint8_t>(seed + count * step) ||
           byte == static_cast<uint8_t>(seed + (count - 1) * step);
  };
  size_t wrong = 0;
  for (size_t i = 0; i < user.vector_bytes(); ++i) wrong += is_right(user.vector_byte(i)) ? 0 : 1;
  EXPECT_EQ(wrong, size_t{0});
}

coro::Task<void> migrate(User& user, uint8_t seed, uint8_t step, int rounds) {
  const auto cpus = static_cast<uint32_t>(exec::executors().size());
  for (int round = 0; round < rounds; ++round) {
    exec::Executor* executor = exec::executors().find(CpuId{static_cast<uint32_t>(round) % cpus});
    coro::Scope scope;
    scope.spawn_on(executor->scheduler(), user.run_slice());
    co_await scope.join();
    expect_consistent(user, seed, step);
  }
}

// Preempted wherever it is, and each time on another CPU, where the other one was just before.
NACRE_KERNEL_TASK_TEST(vectors, of_two_threads_go_from_cpu_to_cpu) {
  if (!arch::cpu_features().v) SKIP("no vector instructions");
  co_await testing::wait_for_executors();
  constexpr int kRounds = 60;
  Programs programs;
  User one(programs, true);
  User two(programs, true);
  for (const auto& [user, seed, step] : {std::tuple{&one, 7, 3}, std::tuple{&two, 100, 5}}) {
    user->start_at(nacre_vector_count);
    user->context[Register::S1] = static_cast<uint64_t>(seed);
    user->context[Register::S2] = static_cast<uint64_t>(step);
    user->context.f[kFa0 + 1] = std::bit_cast<uint64_t>(1.0);
  }
  coro::Scope scope;
  scope.spawn(migrate(one, 7, 3, kRounds));
  scope.spawn(migrate(two, 100, 5, kRounds));
  co_await scope.join();
  for (User* user : {&one, &two}) {
    EXPECT_EQ(user->first_uses, 1u);
    const uint64_t count = user->context[Register::S0];
    EXPECT_GT(count, uint64_t{kRounds});
    // Whole numbers, so the sum is exact.
    const uint64_t sum = user->context.f[kFa0];
    EXPECT(sum == double_of(count) || sum == double_of(count - 1));
  }
}

}  // namespace
}  // namespace nacre::trap
