#include "nacre/kernel/trap/user_mode.hh"

#include <type_traits>
#include <utility>

#include "layout.h"
#include "nacre/base/core/panic.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/arch/riscv64/csr.hh"

namespace nacre::trap {
namespace {

using arch::PerCpu;
using namespace arch::riscv64;

static_assert(offsetof(PerCpu, kernel_sp) == CPU_KERNEL_SP);
static_assert(offsetof(PerCpu, context) == CPU_CONTEXT);
static_assert(offsetof(PerCpu, fast_handler) == CPU_FAST_HANDLER);
static_assert(offsetof(PerCpu, scratch) == CPU_SCRATCH0);
static_assert(offsetof(PerCpu, scratch) + 8 == CPU_SCRATCH1);
static_assert(offsetof(UserContext, pc) == CONTEXT_PC);
static_assert(offsetof(UserContext, f) == CONTEXT_F);
static_assert(offsetof(UserContext, fcsr) == CONTEXT_FCSR);
static_assert(offsetof(SyscallRegisters, number) == SYSCALL_NUMBER);
static_assert(offsetof(SyscallRegisters, vm_context) == SYSCALL_VM_CONTEXT);
static_assert(offsetof(SyscallRegisters, return_address) == SYSCALL_RA);
static_assert(offsetof(SyscallRegisters, user_sp) == SYSCALL_SP);
static_assert(offsetof(SyscallRegisters, user_tp) == SYSCALL_TP);
static_assert(offsetof(SyscallRegisters, pc) == SYSCALL_PC);
static_assert(sizeof(SyscallRegisters) == SYSCALL_SIZE);
static_assert(static_cast<uint64_t>(Cause::UserEnvironmentCall) == 8);

extern "C" ExitReason nacre_enter_user(UserContext* context);
extern "C" void nacre_store_float(uint64_t* f);
extern "C" void nacre_load_float(const uint64_t* f);
extern "C" void nacre_store_float_arguments(uint64_t* values);
extern "C" void nacre_load_float_results(uint64_t fa0, uint64_t fa1);
static_assert(std::is_trivially_copyable_v<ExitReason> && sizeof(ExitReason) == 16);

// The registers equal what their owner's context holds from here on.
void mark_clean() {
  NACRE_CSR_CLEAR("sstatus", kStatusFs);
  NACRE_CSR_SET("sstatus", kStatusFsClean);
}

void store_if_dirty(UserContext& owner) {
  if ((NACRE_CSR_READ("sstatus") & kStatusFs) != kStatusFs) return;
  nacre_store_float(owner.f);
  mark_clean();
}

void load(const UserContext& context) {
  nacre_load_float(context.f);
  mark_clean();
}

// A panic in a fast handler leaves enter_user by unwinding, past the end of nacre_enter_user.
struct ContextEnd {
  PerCpu& cpu;
  ~ContextEnd() { cpu.context = nullptr; }
};

}  // namespace

ExitReason enter_user(UserContext& context) {
  PerCpu& cpu = arch::this_cpu();
  DEBUG_ASSERT(cpu.context == nullptr);
  if (cpu.float_owner != &context) [[unlikely]] {
    if (cpu.float_owner != nullptr) store_if_dirty(*cpu.float_owner);
    load(context);
    cpu.float_owner = &context;
  }
  const ContextEnd end{cpu};
  return nacre_enter_user(&context);
}

FastSyscallHandler set_fast_syscall_handler(FastSyscallHandler handler) {
  uint64_t& slot = arch::this_cpu().fast_handler;
  // SAFETY: entry.S calls it with the signature of its type, and nothing else is ever stored here.
  return reinterpret_cast<FastSyscallHandler>(
      std::exchange(slot, reinterpret_cast<uint64_t>(handler)));
}

UserContext& current_context() {
  UserContext* const context = arch::this_cpu().context;
  ASSERT(context != nullptr);
  return *context;
}

const SyscallRegisters* current_fast_call() noexcept {
  const PerCpu& cpu = arch::this_cpu();
  if (cpu.context == nullptr) return nullptr;
  // SAFETY: between nacre_enter_user and its return the kernel runs in fast handlers only, whose argument entry.S has put
  // there.
  return reinterpret_cast<const SyscallRegisters*>(cpu.kernel_sp - sizeof(SyscallRegisters));
}

void save_float(UserContext& context) noexcept {
  if (arch::this_cpu().float_owner == &context) store_if_dirty(context);
}

void restore_float(UserContext& context) noexcept {
  if (arch::this_cpu().float_owner == &context) load(context);
}

void forget_float(UserContext& context) noexcept {
  PerCpu& cpu = arch::this_cpu();
  if (cpu.float_owner != &context) return;
  store_if_dirty(context);
  cpu.float_owner = nullptr;
}

void read_float_arguments(const UserContext& context, uint64_t (&values)[8]) noexcept {
  if (arch::this_cpu().float_owner == &context) {
    nacre_store_float_arguments(values);
    return;
  }
  for (unsigned i = 0; i < 8; ++i) values[i] = context.f[kFa0 + i];
}

void write_float_results(UserContext& context, uint64_t fa0, uint64_t fa1) noexcept {
  if (arch::this_cpu().float_owner == &context) {
    nacre_load_float_results(fa0, fa1);
    return;
  }
  context.f[kFa0] = fa0;
  context.f[kFa0 + 1] = fa1;
}

}  // namespace nacre::trap
