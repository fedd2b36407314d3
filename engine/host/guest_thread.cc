#include "nacre/engine/host/guest_thread.hh"

#include <signal.h>
#include <sys/time.h>
#include <ucontext.h>

#include <array>
#include <cstring>

#include "entry.hh"
#include "nacre/base/core/format.hh"
#include "nacre/base/coro/task.hh"

nacre::host::Entry* nacre_host_current = nullptr;

namespace nacre::host {
namespace {

using runtime::HostOutcome;
using runtime::InvokeOutcome;

constexpr uint64_t kStop = 1;
constexpr uint64_t kGoOn = 0;
constexpr std::array kGuestSignals = {SIGSEGV, SIGBUS, SIGTRAP, SIGILL, SIGALRM};

// The time limit's signal repeats, because the first may find the process in a host function.
constexpr suseconds_t kRetryMicroseconds = 10'000;

// Indices in the signal frame's register array, whose element 0 is the pc.
constexpr size_t kRegisterPc = 0;
constexpr size_t kRegisterRa = 1;
constexpr size_t kRegisterSp = 2;

// ---- Signals ----------------------------------------------------------------------------------------------------

// Records what happened and lets the interrupted context continue in nacre_host_stopped, as if compiled code had jumped
// there. Everything else happens outside of the handler.
void on_signal(int signal, siginfo_t* info, void* context) {
  Entry* entry = nacre_host_current;
  if (entry == nullptr || entry->in_guest == 0) {
    // The timer comes again, until it meets the guest.
    if (signal == SIGALRM) return;
    // Our own fault: let it happen again without a handler.
    ::signal(signal, SIG_DFL);
    return;
  }
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.__gregs;
  entry->in_guest = 0;
  entry->was_faulted = true;
  entry->signal = signal;
  entry->fault_pc = registers[kRegisterPc];
  entry->fault_sp = registers[kRegisterSp];
  entry->fault_ra = registers[kRegisterRa];
  // SAFETY: only turns the address that the kernel reports into a number.
  entry->fault_address = reinterpret_cast<uint64_t>(info->si_addr);
  // SAFETY: nacre_host_stopped expects nothing of the registers that it does not find through nacre_host_current.
  registers[kRegisterPc] = reinterpret_cast<uint64_t>(&nacre_host_stopped);
}

Result<void> install_handlers() {
  static bool is_installed = false;
  if (is_installed) return {};
  static std::array<uint8_t, 64 << 10> alternate_stack;
  stack_t stack = {};
  stack.ss_sp = alternate_stack.data();
  stack.ss_size = alternate_stack.size();
  if (sigaltstack(&stack, nullptr) != 0) return fail(ErrorCode::Io, "sigaltstack failed");
  struct sigaction action = {};
  action.sa_sigaction = on_signal;
  // SA_NODEFER: the handler does not return to where it came from, in effect, and must work the next time.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  for (int signal : kGuestSignals) {
    if (sigaction(signal, &action, nullptr) != 0) return fail(ErrorCode::Io, "sigaction failed");
  }
  is_installed = true;
  return {};
}

runtime::Fault fault_of(const Entry& entry) {
  runtime::Fault fault = {.pc = UserAddr(entry.fault_pc),
                          .cause = runtime::FaultCause::Other,
                          .address = UserAddr(entry.fault_address)};
  switch (entry.signal) {
    case SIGTRAP:
      fault.cause = runtime::FaultCause::Breakpoint;
      break;
    case SIGILL:
      fault.cause = runtime::FaultCause::IllegalInstruction;
      break;
    case SIGSEGV:
    case SIGBUS:
      // The system does not say whether it was a load or a store; the trap site knows what the instruction does.
      fault.cause = entry.fault_pc == entry.fault_address ? runtime::FaultCause::Fetch
                                                          : runtime::FaultCause::Load;
      break;
    default:
      break;
  }
  return fault;
}

// ---- Host calls -------------------------------------------------------------------------------------------------

HostOutcome serve_host_function(Entry& entry, uint64_t number, UserAddr vm_context) {
  runtime::Store& store = *entry.store;
  const runtime::HostCallee* callee = store.find_host_callee(number);
  runtime::Instance* caller = store.find_instance(vm_context);
  if (callee == nullptr || caller == nullptr) return HostOutcome::trapped(abi::TrapKind::HostError);
  const runtime::HostCallRegisters registers = {entry.registers.integers, entry.registers.floats};
  const UserAddr sp(entry.guest_sp);
  if (!callee->is_async) [[likely]]
    return call_host(*callee, *caller, registers, sp);
  // In this process nothing else runs meanwhile: what such a function waits for, it waits for itself.
  return coro::run_inline(call_host_async(*callee, *caller, registers, sp));
}

InvokeOutcome outcome_of_stop(const Entry& entry) {
  InvokeOutcome result;
  const runtime::Store& store = *entry.store;
  if (entry.was_faulted) {
    result.kind = InvokeOutcome::Kind::Trapped;
    if (entry.signal == SIGALRM) {
      result.trap.kind = abi::TrapKind::Interrupted;
    } else {
      result.trap = classify(store, fault_of(entry));
    }
    result.trap.backtrace = backtrace(store, {.pc = UserAddr(entry.fault_pc),
                                              .sp = UserAddr(entry.fault_sp),
                                              .ra = UserAddr(entry.fault_ra)});
    return result;
  }
  if (entry.outcome.kind == HostOutcome::Kind::Exit) {
    result.kind = InvokeOutcome::Kind::Exited;
    result.exit_code = entry.outcome.exit_code;
    return result;
  }
  result.kind = InvokeOutcome::Kind::Trapped;
  result.trap.kind = entry.outcome.trap;
  result.trap.backtrace = backtrace(
      store, {.pc = UserAddr(), .sp = UserAddr(entry.guest_sp), .ra = UserAddr(entry.guest_ra)});
  return result;
}

}  // namespace

Result<std::unique_ptr<GuestThread>> GuestThread::create(runtime::Store& store, ByteSize stack) {
  TRY(install_handlers());
  const ByteSize guard(abi::kStackGuardBytes);
  runtime::Platform& platform = store.platform();
  const ByteSize usable = ByteSize::pages(stack.pages_up());
  // One reservation, of which the lowest part stays uncommitted.
  TRY_ASSIGN(const UserAddr reservation, platform.reserve(guard + usable));
  TRY(platform.commit(reservation + guard, usable));
  const UserAddr top = reservation + guard + usable;
  std::unique_ptr<GuestThread> thread(new GuestThread(store, reservation, guard + usable, top));
  TRY(store.set_stack({.limit = reservation + guard, .top = top}));
  return thread;
}

GuestThread::~GuestThread() {
  store_.platform().release(reservation_, size_);
}

void interrupt_after(uint64_t milliseconds) {
  const itimerval timer = {.it_interval = {0, kRetryMicroseconds},
                           .it_value = {static_cast<time_t>(milliseconds / 1000),
                                        static_cast<suseconds_t>(milliseconds % 1000 * 1000)}};
  const int status = setitimer(ITIMER_REAL, &timer, nullptr);
  ASSERT(status == 0);
}

void mark_begin() {
  // SAFETY: a hint instruction without effect.
  asm volatile("slti x0, x0, 1" ::: "memory");
}
void mark_end() {
  // SAFETY: as above.
  asm volatile("slti x0, x0, 2" ::: "memory");
}

Result<InvokeOutcome> GuestThread::invoke(const runtime::Function& function,
                                          std::span<const uint64_t> arguments, Marking marking) {
  // A call back from a host function continues below the frames that wait for it.
  const UserAddr top =
      nacre_host_current == nullptr ? top_ : UserAddr(nacre_host_current->guest_sp);
  TRY_ASSIGN(const runtime::ThreadEntry start, prepare_entry(store_, function, arguments, top));
  Entry entry = {};
  entry.registers = start.registers;
  entry.pc = start.pc.value();
  entry.sp = start.sp.value();
  entry.vm_context = start.vm_context.value();
  entry.memory0_base = start.memory0_base.value();
  entry.outer = nacre_host_current;
  entry.store = &store_;
  nacre_host_current = &entry;
  if (marking == Marking::Mark) mark_begin();
  const uint64_t stopped = nacre_host_enter(&entry);
  if (marking == Marking::Mark) mark_end();
  nacre_host_current = entry.outer;
  if (stopped != 0) return outcome_of_stop(entry);
  InvokeOutcome outcome;
  TRY_ASSIGN(outcome.results, read_results(store_, function, entry.registers, start.sp));
  return outcome;
}

}  // namespace nacre::host

uint64_t nacre_host_serve(nacre::host::Entry* entry, uint64_t number, uint64_t vm_context) {
  using namespace nacre;
  using namespace nacre::host;
  uint64_t* registers = entry->registers.integers;
  switch (static_cast<abi::Syscall>(number)) {
    case abi::Syscall::MemoryGrow:
      registers[0] = entry->store->grow_memory(UserAddr(registers[0]), registers[1], registers[2]);
      return kGoOn;
    case abi::Syscall::TableGrow:
      registers[0] = entry->store->grow_table(UserAddr(registers[0]), registers[1], registers[2],
                                              registers[3]);
      return kGoOn;
    default:
      break;
  }
  entry->outcome = serve_host_function(*entry, number, UserAddr(vm_context));
  return entry->outcome.kind == runtime::HostOutcome::Kind::Return ? kGoOn : kStop;
}
