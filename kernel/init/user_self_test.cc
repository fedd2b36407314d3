#include "user_self_test.hh"

#include <bit>
#include <memory>

#include "nacre/base/core/panic.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/interrupts.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/arch/riscv64/csr.hh"
#include "nacre/kernel/arch/user_access.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/trace/log.hh"
#include "nacre/kernel/trace/panic.hh"
#include "nacre/kernel/trap/dispatch.hh"
#include "nacre/kernel/trap/user_mode.hh"

namespace nacre::init {
namespace {

using trap::Cause;
using trap::ExitReason;
using trap::FastSyscallResult;
using trap::Register;
using trap::UserContext;

constinit trace::Logger log_test("selftest");

extern "C" const uint8_t nacre_user_program[];
extern "C" const uint8_t nacre_user_program_end[];
extern "C" const uint8_t nacre_user_registers[];
extern "C" const uint8_t nacre_user_calls[];
extern "C" const uint8_t nacre_user_spin[];
extern "C" const uint8_t nacre_user_fault[];
extern "C" const uint8_t nacre_user_float[];

// The program's page in an address space that is current while this lives.
class UserProgram {
 public:
  UserProgram() {
    auto budget = make_ref<mm::Budget>(ByteSize::mib(1));
    auto space = mm::AddressSpace::create(mm::machine(), std::move(budget));
    ASSERT(space.has_value());
    space_ = std::move(*space);
    const auto base = space_->publish(std::span(nacre_user_program, nacre_user_program_end),
                                      paging::Access::ReadExecute);
    ASSERT(base.has_value());
    base_ = *base;
    mm::activate(*space_);
  }
  ~UserProgram() { mm::deactivate(); }

  // A thread that is about to run from `label`.
  struct Thread : UserContext {
    Thread() : UserContext{} {}
    ~Thread() { trap::forget_float(*this); }
    Thread(const Thread&) = delete;
    Thread& operator=(const Thread&) = delete;
  };
  void start_at(Thread& context, const uint8_t* label) const {
    context.pc = base_.value() + static_cast<uint64_t>(label - nacre_user_program);
  }
  // The program's code takes the faults that its first use brings.
  ExitReason run(UserContext& context) {
    while (true) {
      const ExitReason reason = trap::enter_user(context);
      if (!reason.is_page_fault()) return reason;
      const auto access = reason.cause == Cause::InstructionPageFault ? mm::FaultAccess::Execute
                                                                      : mm::FaultAccess::Read;
      if (space_->fault(UserAddr(reason.value), access) != mm::FaultOutcome::Resolved)
        return reason;
    }
  }

 private:
  std::unique_ptr<mm::AddressSpace> space_;
  UserAddr base_;
};

void test_registers(UserProgram& program) {
  UserProgram::Thread context;
  program.start_at(context, nacre_user_registers);
  const uint64_t pc = context.pc;
  for (uint64_t i = 1; i < 32; ++i) context.x[i] = i * 0x0101'0101'0101;
  const ExitReason reason = program.run(context);
  ASSERT(reason.cause == Cause::Breakpoint);
  // The compressed add is two bytes long; x1 to x31 take one each.
  ASSERT(context.pc == pc + 31 * 2);
  for (uint64_t i = 1; i < 32; ++i) ASSERT(context.x[i] == 2 * i * 0x0101'0101'0101);
}

constinit uint64_t fast_calls = 0;

FastSyscallResult count_up(trap::SyscallRegisters& registers) {
  ++fast_calls;
  if (registers.number == 3) return FastSyscallResult::Slow;
  if (registers.number == 4) panic("in a fast handler");
  ++registers.a[0];
  return FastSyscallResult::Done;
}

void test_slow_calls(UserProgram& program) {
  UserProgram::Thread context;
  program.start_at(context, nacre_user_calls);
  context[Register::S0] = 5;
  unsigned calls = 0;
  ExitReason reason = program.run(context);
  while (reason.is_environment_call()) {
    ++calls;
    context.pc += 4;
    reason = program.run(context);
  }
  ASSERT(calls == 5);
  ASSERT(reason.cause == Cause::Breakpoint);
}

void test_fast_calls(UserProgram& program) {
  trap::set_fast_syscall_handler(count_up);
  fast_calls = 0;
  UserProgram::Thread context;
  program.start_at(context, nacre_user_calls);
  context[Register::S0] = 1000;
  for (const Register r : {Register::Sp, Register::Gp, Register::Tp, Register::Ra, Register::S5}) {
    context[r] = 0x5000 + static_cast<uint64_t>(r);
  }
  context[Register::A3] = 0x1234;
  const ExitReason reason = program.run(context);
  ASSERT(reason.cause == Cause::Breakpoint);
  ASSERT(fast_calls == 1000);
  ASSERT(context[Register::A0] == 1000);
  for (const Register r : {Register::Sp, Register::Gp, Register::Tp, Register::Ra, Register::S5}) {
    ASSERT(context[r] == 0x5000 + static_cast<uint64_t>(r));
  }
  // What a call does not preserve shows nothing of the kernel.
  for (const Register r : {Register::T0, Register::T1, Register::T2, Register::T3, Register::T4,
                           Register::T5, Register::T6, Register::A3, Register::A7}) {
    ASSERT(context[r] == 0);
  }
}

void test_fast_handler_declines(UserProgram& program) {
  trap::set_fast_syscall_handler(count_up);
  UserProgram::Thread context;
  program.start_at(context, nacre_user_calls);
  context[Register::S0] = 1;
  context[Register::S1] = 3;
  context[Register::A5] = 0x77;
  context[Register::Sp] = 0x8000;
  context[Register::S11] = 0x99;
  const ExitReason reason = program.run(context);
  ASSERT(reason.is_environment_call());
  ASSERT(context[Register::A5] == 0x77);
  ASSERT(context[Register::Sp] == 0x8000);
  ASSERT(context[Register::S11] == 0x99);
  ASSERT(context[Register::T0] == 3);
}

// A panic in a fast handler ends enter_user by unwinding, and the CPU is good for another user.
void test_panic_in_fast_handler(UserProgram& program) {
  trap::set_fast_syscall_handler(count_up);
  UserProgram::Thread context;
  program.start_at(context, nacre_user_calls);
  context[Register::S0] = 1;
  context[Register::S1] = 4;
  const auto result = trace::catch_panic("selftest", [&] { (void)program.run(context); });
  ASSERT(!result.has_value());
  test_fast_calls(program);
}

void test_preemption(UserProgram& program) {
  static constinit unsigned interrupts = 0;
  trap::set_interrupt_handler(arch::InterruptSource::Timer, [] {
    ++interrupts;
    arch::cancel_timer();
  });
  arch::enable_source(arch::InterruptSource::Timer);
  UserProgram::Thread context;
  program.start_at(context, nacre_user_spin);
  // On a busy host the deadline may pass before the first instruction, so only the sum must show progress.
  for (unsigned i = 1; i <= 100 && context[Register::A0] == 0; ++i) {
    arch::set_timer_deadline(arch::now_ns() + 2'000'000);
    const ExitReason reason = program.run(context);
    ASSERT(reason.cause == Cause::TimerInterrupt);
    trap::serve_interrupt(reason);
    ASSERT(interrupts == i);
  }
  ASSERT(context[Register::A0] > 0);
  arch::disable_source(arch::InterruptSource::Timer);
}

void test_faults(UserProgram& program, const BootContext& boot) {
  // Nothing is at the null page; the kernel's half is there, but not for users.
  for (const uint64_t address :
       {uint64_t{0x8}, boot.info.kernel_virtual, boot.info.direct_map_offset}) {
    UserProgram::Thread context;
    program.start_at(context, nacre_user_fault);
    context[Register::A0] = address;
    const ExitReason reason = program.run(context);
    ASSERT(reason.cause == Cause::LoadPageFault);
    ASSERT(reason.value == address);
  }
}

// Two threads whose float registers must not mix, though nobody saves them at a trap.
void test_floats(UserProgram& program) {
  trap::set_fast_syscall_handler(nullptr);
  UserProgram::Thread one;
  UserProgram::Thread two;
  program.start_at(one, nacre_user_float);
  program.start_at(two, nacre_user_float);
  one.f[trap::kFa0 + 1] = std::bit_cast<uint64_t>(1.0);
  two.f[trap::kFa0 + 1] = std::bit_cast<uint64_t>(0.5);
  for (unsigned round = 0; round < 3; ++round) {
    for (UserContext* context : {&one, &two}) {
      for (unsigned call = 0; call < 2; ++call) {
        ASSERT(program.run(*context).is_environment_call());
        context->pc += 4;
      }
    }
  }
  trap::save_float(one);
  trap::save_float(two);
  ASSERT(one.f[trap::kFa0] == std::bit_cast<uint64_t>(6.0));
  ASSERT(two.f[trap::kFa0] == std::bit_cast<uint64_t>(3.0));
  // A change of the context reaches the registers.
  two.f[trap::kFa0] = std::bit_cast<uint64_t>(100.0);
  trap::restore_float(two);
  ASSERT(program.run(two).is_environment_call());
  uint64_t arguments[8];
  trap::read_float_arguments(two, arguments);
  ASSERT(arguments[0] == std::bit_cast<uint64_t>(100.5));
  trap::forget_float(two);
  ASSERT(two.f[trap::kFa0] == std::bit_cast<uint64_t>(100.5));
}

FastSyscallResult do_nothing(trap::SyscallRegisters&) {
  return FastSyscallResult::Done;
}

// Instructions of a round trip, user → C++ handler → user, without the user's own loop (four instructions).
void measure_fast_call(UserProgram& program) {
  constexpr uint64_t kCalls = 10'000;
  trap::set_fast_syscall_handler(do_nothing);
  UserProgram::Thread context;
  program.start_at(context, nacre_user_calls);
  context[Register::S0] = 1;
  (void)program.run(context);
  program.start_at(context, nacre_user_calls);
  context[Register::S0] = kCalls;
  const uint64_t before = NACRE_CSR_READ("instret");
  (void)program.run(context);
  const uint64_t count = NACRE_CSR_READ("instret") - before;
  log_test.info("fast call: {} instructions", count / kCalls - 4);
}

}  // namespace

int test_user_mode(const BootContext& context) {
  UserProgram program;
  // Its calls are not those of a thread of ours.
  const trap::FastSyscallHandler before = trap::set_fast_syscall_handler(nullptr);
  test_registers(program);
  test_slow_calls(program);
  test_fast_calls(program);
  test_fast_handler_declines(program);
  test_panic_in_fast_handler(program);
  test_preemption(program);
  test_faults(program, context);
  test_floats(program);
  measure_fast_call(program);
  trap::set_fast_syscall_handler(before);
  return arch::kExitSuccess;
}

}  // namespace nacre::init
