#include "nacre/kernel/wasm/thread.hh"

#include <algorithm>
#include <new>

#include "cpu_turn.hh"
#include "nacre/abi/syscall.hh"
#include "nacre/base/coro/scheduler.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/mm/user_fault.hh"
#include "nacre/kernel/trap/vectors.hh"
#include "nacre/kernel/wasm/domain.hh"
#include "nacre/kernel/wasm/domain_list.hh"
#include "work_for_domain.hh"

namespace nacre::kwasm {
namespace {

using trap::Cause;
using trap::Register;

// The thread whose context enter_user() is running on this CPU.
constinit thread_local Thread* running_thread = nullptr;

constexpr uint64_t kEnvironmentCallBytes = 4;

// Times that a thread lets others on its CPU go first before it enters user mode.
constexpr unsigned kMostPauses = 8;

// Elements that a table gets in the trap handler, if they must be written: some 100,000 instructions.
constexpr uint32_t kMostElementsAtOnce = 1 << 14;

bool others_are_ready() {
  return coro::Scheduler::current().has_ready();
}

trap::FastSyscallResult on_environment_call(trap::SyscallRegisters& registers) {
  return running_thread->serve_fast(registers);
}

// A handler's failure to allocate ends its guest, not the kernel.
runtime::HostOutcome out_of_memory() {
  return runtime::HostOutcome::trapped(abi::TrapKind::HostError);
}

runtime::FaultCause fault_cause_of(Cause cause) {
  switch (cause) {
    case Cause::Breakpoint:
      return runtime::FaultCause::Breakpoint;
    case Cause::LoadPageFault:
    case Cause::LoadAccessFault:
    case Cause::LoadMisaligned:
      return runtime::FaultCause::Load;
    case Cause::StorePageFault:
    case Cause::StoreAccessFault:
    case Cause::StoreMisaligned:
      return runtime::FaultCause::Store;
    case Cause::InstructionPageFault:
    case Cause::InstructionAccessFault:
    case Cause::InstructionMisaligned:
      return runtime::FaultCause::Fetch;
    case Cause::IllegalInstruction:
      return runtime::FaultCause::IllegalInstruction;
    default:
      return runtime::FaultCause::Other;
  }
}

}  // namespace

void install_fast_system_calls() {
  trap::set_fast_syscall_handler(&on_environment_call);
}

Thread::Thread(Domain& domain) : domain_(domain) {
  const mm::LockGuard guard(DomainList::lock());
  domain_.threads_.push_back(*this);
}

Thread::~Thread() {
  {
    const mm::LockGuard guard(DomainList::lock());
    ListNode::unlink();
  }
  trap::forget_registers(context_);
  end_vectors();
}

// What is illegal for another reason than that the registers are off is so again when it is tried again.
bool Thread::begin_vectors() {
  const size_t bytes = domain_.may_use_vectors() ? trap::vector_area_bytes() : 0;
  if (bytes == 0 || context_.vectors != nullptr) return false;
  mm::Charge charge = domain_.new_charge();
  if (!charge.try_grow(ByteSize(bytes))) return false;
  vector_area_.reset(new (std::nothrow) std::byte[bytes]);
  if (vector_area_ == nullptr) return false;
  vector_charge_ = std::move(charge);
  // Aligned as the heap aligns everything.
  trap::begin_vectors(context_,
                      static_cast<trap::VectorArea*>(static_cast<void*>(vector_area_.get())));
  return true;
}

void Thread::end_vectors() noexcept {
  trap::end_vectors(context_);
  vector_area_ = nullptr;
  vector_charge_ = mm::Charge();
}

// Also where the invocation is cancelled.
struct Thread::Invocation {
  Thread& thread;
  explicit Invocation(Thread& invoked) noexcept : thread(invoked) {
    thread.strand_.store(&coro::current_strand(), std::memory_order_relaxed);
  }
  ~Invocation() {
    thread.strand_.store(nullptr, std::memory_order_relaxed);
    thread.note(State::Idle);
  }
  Invocation(const Invocation&) = delete;
  Invocation& operator=(const Invocation&) = delete;
};

void Thread::note(State state) noexcept {
  state_.store(arch::this_cpu().id.value << 8 | static_cast<uint32_t>(state),
               std::memory_order_relaxed);
}

void Thread::load(const runtime::ThreadEntry& entry) {
  trap::forget_registers(context_);
  end_vectors();
  context_ = {};
  context_.pc = entry.pc.value();
  context_[Register::Sp] = entry.sp.value();
  context_[Register::Ra] = domain_.platform().thread_exit().value();
  context_[Register::S10] = entry.vm_context.value();
  context_[Register::S11] = entry.memory0_base.value();
  std::ranges::copy(entry.registers.integers, &context_[Register::A0]);
  std::ranges::copy(entry.registers.floats, &context_.f[trap::kFa0]);
  trap::restore_float(context_);
}

coro::Task<Result<runtime::InvokeOutcome>> Thread::invoke(runtime::Function function,
                                                          std::span<const uint64_t> arguments) {
  runtime::Store& store = domain_.store();
  auto entry = runtime::prepare_entry(store, function, arguments, domain_.stack_top());
  if (!entry) co_return std::unexpected(std::move(entry).error());
  load(*entry);
  pending_.reset();
  serving_ = nullptr;
  outcome_ = {};

  const Invocation invocation(*this);
  CpuTurn turn(domain_.cpu_account(), &context_);
  for (;;) {
    if (!turn.has_begun() && !turn.try_begin()) {
      note(State::Queued);
      co_await turn.begin();
    }
    note(State::Running);
    // What is ready goes first; it may want this CPU for another domain. But it must not keep the guest away for ever.
    for (unsigned i = 0; i < kMostPauses && turn.has_begun() && others_are_ready(); ++i) {
      co_await turn.pause();
    }
    if (!turn.has_begun()) continue;
    const trap::ExitReason exit = run_slice(turn.slice_end_ns());
    if (exit.is_interrupt()) {
      exec::this_port().serve_interrupts();
      co_await turn.pause();
      continue;
    }
    const Next next = exit.is_environment_call() ? co_await serve_call() : serve_fault(exit);
    if (next == Next::Finished) break;
  }

  if (outcome_.kind == runtime::InvokeOutcome::Kind::Returned) {
    trap::save_float(context_);
    abi::CallRegisters registers;
    std::copy_n(&context_[Register::A0], abi::kIntegerArgumentRegisters, registers.integers);
    std::copy_n(&context_.f[trap::kFa0], abi::kFloatArgumentRegisters, registers.floats);
    auto results = runtime::read_results(store, function, registers, entry->sp);
    if (!results) co_return std::unexpected(std::move(results).error());
    outcome_.results = std::move(*results);
  }
  co_return std::move(outcome_);
}

trap::ExitReason Thread::run_slice(uint64_t end_ns) {
  running_thread = this;
  mm::activate(domain_.space());
  exec::this_executor().arm_until(end_ns);
  return trap::enter_user(context_);
}

Thread::Next Thread::serve_fault(trap::ExitReason exit) {
  const UserAddr address(exit.value);
  if (const auto access = mm::access_of(exit.cause)) {
    const mm::FaultOutcome outcome = domain_.space().fault(address, *access);
    if (outcome == mm::FaultOutcome::Resolved) return Next::Resume;
    if (outcome == mm::FaultOutcome::OutOfMemory) {
      runtime::Trap trap;
      trap.kind = abi::TrapKind::HostError;
      trap.detail = "out of memory: the machine has no page left";
      stop_with(std::move(trap));
      return Next::Finished;
    }
  }
  if (exit.cause == Cause::IllegalInstruction && begin_vectors()) return Next::Resume;
  stop_with(runtime::classify(
      domain_.store(),
      {.pc = UserAddr(context_.pc), .cause = fault_cause_of(exit.cause), .address = address}));
  return Next::Finished;
}

// Not by objects: a call on the fast path takes hardly longer than one.
std::optional<trace::InnerSpan::Text> Thread::current() const noexcept {
  const runtime::HostCallee* callee = serving_;
  const trap::SyscallRegisters* const call = trap::current_fast_call();
  if (call != nullptr && running_thread == this)
    callee = domain_.store().find_host_callee(call->number);
  if (callee == nullptr) return std::nullopt;
  return Text{.name = "call", .detail = callee->function.name};
}

// The system calls that are over without waiting. Whatever else happens, the guest's registers are not looked at again
// by the slow path unless this says so. A panic unwinds to whoever awaits the invocation.
trap::FastSyscallResult Thread::serve_fast(trap::SyscallRegisters& registers) {
  try {
    return serve_fast_or_throw(registers);
  } catch (const std::bad_alloc&) {
    pending_ = out_of_memory();
    return trap::FastSyscallResult::Slow;
  }
}

trap::FastSyscallResult Thread::serve_fast_or_throw(trap::SyscallRegisters& registers) {
  using trap::FastSyscallResult;
  runtime::Store& store = domain_.store();
  const runtime::HostCallee* callee = store.find_host_callee(registers.number);
  if (callee == nullptr) {
    switch (static_cast<abi::Syscall>(registers.number)) {
      case abi::Syscall::Nop:
        return FastSyscallResult::Done;
      case abi::Syscall::MemoryGrow:
        registers.a[0] =
            store.grow_memory(UserAddr(registers.a[0]), registers.a[1], registers.a[2]);
        return FastSyscallResult::Done;
      case abi::Syscall::TableGrow:
        if (registers.a[2] != 0 && static_cast<uint32_t>(registers.a[3]) > kMostElementsAtOnce)
          break;
        registers.a[0] = store.grow_table(UserAddr(registers.a[0]), registers.a[1], registers.a[2],
                                          registers.a[3]);
        return FastSyscallResult::Done;
      case abi::Syscall::ThreadExit:
        break;
    }
    return FastSyscallResult::Slow;
  }
  // Float registers are still the guest's own.
  if (callee->uses_floats) return FastSyscallResult::Slow;
  runtime::Instance* caller = store.find_instance(UserAddr(registers.vm_context));
  if (caller == nullptr) return FastSyscallResult::Slow;
  const runtime::HostCallRegisters arguments{registers.a, nullptr};
  if (!callee->is_async)
    return conclude_fast(
        runtime::call_host(*callee, *caller, arguments, UserAddr(registers.user_sp)));
  // One that need not wait now is over here, too.
  const auto outcome = runtime::try_call_host(*callee, *caller, arguments);
  return outcome ? conclude_fast(*outcome) : FastSyscallResult::Slow;
}

trap::FastSyscallResult Thread::conclude_fast(const runtime::HostOutcome& outcome) {
  if (outcome.kind == runtime::HostOutcome::Kind::Return) [[likely]]
    return trap::FastSyscallResult::Done;
  pending_ = outcome;
  return trap::FastSyscallResult::Slow;
}

coro::Task<Thread::Next> Thread::serve_call() {
  if (pending_) co_return finish(*pending_);
  const uint64_t number = context_[Register::T0];
  if (number == static_cast<uint64_t>(abi::Syscall::ThreadExit)) co_return Next::Finished;
  if (number == static_cast<uint64_t>(abi::Syscall::TableGrow)) {
    co_return co_await serve_table_grow();
  }

  runtime::Store& store = domain_.store();
  const runtime::HostCallee* callee = store.find_host_callee(number);
  runtime::Instance* caller = store.find_instance(UserAddr(context_[Register::S10]));
  if (callee == nullptr || caller == nullptr) {
    runtime::Trap trap;
    trap.is_internal_error = true;
    trap.detail = callee == nullptr ? "unknown system call" : "system call without an instance";
    stop_with(std::move(trap));
    co_return Next::Finished;
  }
  serving_ = callee;
  if (callee->uses_floats) trap::save_float(context_);
  runtime::HostOutcome outcome;
  try {
    outcome = co_await runtime::call_host_async(*callee, *caller,
                                                {&context_[Register::A0], &context_.f[trap::kFa0]},
                                                UserAddr(context_[Register::Sp]));
  } catch (const std::bad_alloc&) {
    outcome = out_of_memory();
  }
  serving_ = nullptr;
  if (callee->uses_floats) trap::restore_float(context_);
  if (outcome.kind != runtime::HostOutcome::Kind::Return) co_return finish(outcome);
  context_.pc += kEnvironmentCallBytes;
  co_return Next::Resume;
}

// In slices, as it may take long; the guest waits, so that nobody else sees the table meanwhile. Without memory for a fiber the
// guest is refused, as it would be without memory for the table.
coro::Task<Thread::Next> Thread::serve_table_grow() {
  uint64_t previous = ~uint64_t{0};
  try {
    (void)co_await work_for(domain_.cpu_account(), nullptr, [&] {
      previous =
          domain_.store().grow_table(UserAddr(context_[Register::A0]), context_[Register::A1],
                                     context_[Register::A2], context_[Register::A3]);
    });
  } catch (const std::bad_alloc&) {
    previous = ~uint64_t{0};
  }
  context_[Register::A0] = previous;
  context_.pc += kEnvironmentCallBytes;
  co_return Next::Resume;
}

Thread::Next Thread::finish(const runtime::HostOutcome& outcome) {
  if (outcome.kind == runtime::HostOutcome::Kind::Exit) {
    outcome_.kind = runtime::InvokeOutcome::Kind::Exited;
    outcome_.exit_code = outcome.exit_code;
  } else {
    stop_with(outcome.trap);
  }
  return Next::Finished;
}

runtime::Trap Thread::interruption() const {
  runtime::Trap trap;
  trap.kind = abi::TrapKind::Interrupted;
  trap.backtrace = runtime::backtrace(domain_.store(), stop_registers());
  return trap;
}

runtime::StopRegisters Thread::stop_registers() const {
  return {.pc = UserAddr(context_.pc),
          .sp = UserAddr(context_[Register::Sp]),
          .ra = UserAddr(context_[Register::Ra])};
}

void Thread::stop_with(runtime::Trap trap) {
  trap.backtrace = runtime::backtrace(domain_.store(), stop_registers());
  outcome_.kind = runtime::InvokeOutcome::Kind::Trapped;
  outcome_.trap = std::move(trap);
}

void Thread::stop_with(abi::TrapKind kind) {
  runtime::Trap trap;
  trap.kind = kind;
  stop_with(std::move(trap));
}

}  // namespace nacre::kwasm
