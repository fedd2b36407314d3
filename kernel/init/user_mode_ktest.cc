// User mode without an engine: a few hand-written instructions (user_program.S) in an address space of their own.
#include <bit>

#include "nacre/base/core/panic.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/counting.hh"
#include "nacre/kernel/arch/interrupts.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/arch/user_access.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/testing/benchmark.hh"
#include "nacre/kernel/testing/test.hh"
#include "nacre/kernel/testing/user_code.hh"
#include "nacre/kernel/trap/dispatch.hh"
#include "nacre/kernel/trap/user_mode.hh"

namespace nacre::init {
namespace {

using trap::Cause;
using trap::ExitReason;
using trap::FastSyscallResult;
using trap::Register;
using trap::UserContext;

extern "C" const uint8_t nacre_user_program[];
extern "C" const uint8_t nacre_user_program_end[];
extern "C" const uint8_t nacre_user_registers[];
extern "C" const uint8_t nacre_user_calls[];
extern "C" const uint8_t nacre_user_spin[];
extern "C" const uint8_t nacre_user_fault[];
extern "C" const uint8_t nacre_user_float[];

// The program's page in an address space that is current, with a handler of system calls of our own, while this lives.
class UserProgram {
 public:
  explicit UserProgram(trap::FastSyscallHandler handler = nullptr)
      : code_({nacre_user_program, nacre_user_program_end}),
        handler_before_(trap::set_fast_syscall_handler(handler)) {
    mm::activate(code_.space());
  }
  ~UserProgram() {
    mm::deactivate();
    trap::set_fast_syscall_handler(handler_before_);
  }
  UserProgram(const UserProgram&) = delete;
  UserProgram& operator=(const UserProgram&) = delete;

  // A thread that is about to run from `label`.
  struct Thread : UserContext {
    Thread(const UserProgram& program, const uint8_t* label) : UserContext{} {
      pc = program.address_of(label);
    }
    ~Thread() { trap::forget_registers(*this); }
    Thread(const Thread&) = delete;
    Thread& operator=(const Thread&) = delete;
  };
  [[nodiscard]] uint64_t address_of(const uint8_t* label) const { return code_.address_of(label); }
  // The executor's own interrupts do not count.
  static ExitReason run(UserContext& context) {
    while (true) {
      const ExitReason reason = trap::enter_user(context);
      if (!reason.is_interrupt()) return reason;
      exec::this_port().serve_interrupts();
    }
  }

 private:
  testing::UserCode code_;
  trap::FastSyscallHandler handler_before_;
};

NACRE_KERNEL_TEST(user, registers_pass_through) {
  UserProgram program;
  UserProgram::Thread context(program, nacre_user_registers);
  const uint64_t pc = context.pc;
  for (uint64_t i = 1; i < 32; ++i) context.x[i] = i * 0x0101'0101'0101;
  const ExitReason reason = program.run(context);
  EXPECT(reason.cause == Cause::Breakpoint);
  // The compressed add is two bytes long; x1 to x31 take one each.
  EXPECT(context.pc == pc + 31 * 2);
  for (uint64_t i = 1; i < 32; ++i) EXPECT(context.x[i] == 2 * i * 0x0101'0101'0101);
}

constinit uint64_t fast_calls = 0;

FastSyscallResult count_up(trap::SyscallRegisters& registers) {
  ++fast_calls;
  if (registers.number == 3) return FastSyscallResult::Slow;
  if (registers.number == 4) panic("in a fast handler");
  ++registers.a[0];
  return FastSyscallResult::Done;
}

NACRE_KERNEL_TEST(user, calls_without_a_fast_handler) {
  UserProgram program;
  UserProgram::Thread context(program, nacre_user_calls);
  context[Register::S0] = 5;
  unsigned calls = 0;
  ExitReason reason = program.run(context);
  while (reason.is_environment_call()) {
    ++calls;
    context.pc += 4;
    reason = program.run(context);
  }
  EXPECT_EQ(calls, 5u);
  EXPECT(reason.cause == Cause::Breakpoint);
}

void expect_fast_calls(UserProgram& program) {
  fast_calls = 0;
  UserProgram::Thread context(program, nacre_user_calls);
  context[Register::S0] = 1000;
  for (const Register r : {Register::Sp, Register::Gp, Register::Tp, Register::Ra, Register::S5}) {
    context[r] = 0x5000 + static_cast<uint64_t>(r);
  }
  context[Register::A3] = 0x1234;
  const ExitReason reason = program.run(context);
  EXPECT(reason.cause == Cause::Breakpoint);
  EXPECT(fast_calls == 1000);
  EXPECT(context[Register::A0] == 1000);
  for (const Register r : {Register::Sp, Register::Gp, Register::Tp, Register::Ra, Register::S5}) {
    EXPECT(context[r] == 0x5000 + static_cast<uint64_t>(r));
  }
  // What a call does not preserve shows nothing of the kernel.
  for (const Register r : {Register::T0, Register::T1, Register::T2, Register::T3, Register::T4,
                           Register::T5, Register::T6, Register::A3, Register::A7}) {
    EXPECT(context[r] == 0);
  }
}

NACRE_KERNEL_TEST(user, fast_calls) {
  UserProgram program(&count_up);
  expect_fast_calls(program);
}

NACRE_KERNEL_TEST(user, fast_handler_declines) {
  UserProgram program(&count_up);
  UserProgram::Thread context(program, nacre_user_calls);
  context[Register::S0] = 1;
  context[Register::S1] = 3;
  context[Register::A5] = 0x77;
  context[Register::Sp] = 0x8000;
  context[Register::S11] = 0x99;
  const ExitReason reason = program.run(context);
  EXPECT(reason.is_environment_call());
  EXPECT(context[Register::A5] == 0x77);
  EXPECT(context[Register::Sp] == 0x8000);
  EXPECT(context[Register::S11] == 0x99);
  EXPECT(context[Register::T0] == 3);
}

// A panic in a fast handler ends enter_user by unwinding, and the CPU is good for another user.
NACRE_KERNEL_TEST(user, panic_in_a_fast_handler) {
  UserProgram program(&count_up);
  UserProgram::Thread context(program, nacre_user_calls);
  context[Register::S0] = 1;
  context[Register::S1] = 4;
  EXPECT_PANIC((void)program.run(context), "in a fast handler");
  expect_fast_calls(program);
}

NACRE_KERNEL_TEST(user, timer_preempts) {
  UserProgram program;
  UserProgram::Thread context(program, nacre_user_spin);
  // On a busy host the deadline may pass before the first instruction, so only the sum must show progress.
  for (unsigned i = 1; i <= 100 && context[Register::A0] == 0; ++i) {
    const uint64_t deadline = arch::now_ns() + 2'000'000;
    arch::set_timer_deadline(deadline);
    ExitReason reason = trap::enter_user(context);
    while (reason.cause == Cause::SoftwareInterrupt) {
      trap::serve_interrupt(reason);
      reason = trap::enter_user(context);
    }
    EXPECT(reason.cause == Cause::TimerInterrupt);
    EXPECT_GE(arch::now_ns(), deadline);
    // Its handler makes the cause go away.
    trap::serve_interrupt(reason);
    EXPECT(arch::pending_interrupt() != arch::InterruptSource::Timer);
  }
  EXPECT(context[Register::A0] > 0);
}

NACRE_KERNEL_TEST(user, faults_are_named) {
  UserProgram program;
  const abi::BootInfo& info = testing::boot_context().info;
  // Nothing is at the null page; the kernel's half is there, but not for users.
  for (const uint64_t address : {uint64_t{0x8}, info.kernel_virtual, info.direct_map_offset}) {
    UserProgram::Thread context(program, nacre_user_fault);
    context[Register::A0] = address;
    const ExitReason reason = program.run(context);
    EXPECT(reason.cause == Cause::LoadPageFault);
    EXPECT(reason.value == address);
  }
}

// Two threads whose float registers must not mix, though nobody saves them at a trap.
NACRE_KERNEL_TEST(user, floats_of_two_threads) {
  UserProgram program;
  UserProgram::Thread one(program, nacre_user_float);
  UserProgram::Thread two(program, nacre_user_float);
  one.f[trap::kFa0 + 1] = std::bit_cast<uint64_t>(1.0);
  two.f[trap::kFa0 + 1] = std::bit_cast<uint64_t>(0.5);
  for (unsigned round = 0; round < 3; ++round) {
    for (UserContext* context : {&one, &two}) {
      for (unsigned call = 0; call < 2; ++call) {
        EXPECT(program.run(*context).is_environment_call());
        context->pc += 4;
      }
    }
  }
  trap::save_float(one);
  trap::save_float(two);
  EXPECT(one.f[trap::kFa0] == std::bit_cast<uint64_t>(6.0));
  EXPECT(two.f[trap::kFa0] == std::bit_cast<uint64_t>(3.0));
  // A change of the context reaches the registers.
  two.f[trap::kFa0] = std::bit_cast<uint64_t>(100.0);
  trap::restore_float(two);
  EXPECT(program.run(two).is_environment_call());
  uint64_t arguments[8];
  trap::read_float_arguments(two, arguments);
  EXPECT(arguments[0] == std::bit_cast<uint64_t>(100.5));
  trap::forget_registers(two);
  EXPECT(two.f[trap::kFa0] == std::bit_cast<uint64_t>(100.5));
}

FastSyscallResult do_nothing(trap::SyscallRegisters&) {
  return FastSyscallResult::Done;
}

// Instructions of a round trip, user → C++ handler → user, without the user's own loop (four instructions).
NACRE_KERNEL_BENCHMARK(fast_call) {
  constexpr uint64_t kCalls = 10'000;
  UserProgram program(&do_nothing);
  UserProgram::Thread context(program, nacre_user_calls);
  context[Register::S0] = 1;
  (void)program.run(context);
  context.pc = program.address_of(nacre_user_calls);
  context[Register::S0] = kCalls;
  const uint64_t before = arch::retired_instructions();
  (void)program.run(context);
  benchmark.set_result(arch::retired_instructions() - before - 4 * kCalls, kCalls);
}

}  // namespace
}  // namespace nacre::init
