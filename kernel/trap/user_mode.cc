#include "nacre/kernel/trap/user_mode.hh"

#include <atomic>
#include <cstring>
#include <type_traits>
#include <utility>

#include "layout.h"
#include "nacre/base/core/panic.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/arch/riscv64/csr.hh"
#include "nacre/kernel/trap/vectors.hh"

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

constinit thread_local RegisterTraffic register_traffic{};

// The registers equal what their owner's context holds from here on.
void mark_clean() {
  NACRE_CSR_CLEAR("sstatus", kStatusFs);
  NACRE_CSR_SET("sstatus", kStatusFsClean);
}

void store_if_dirty(UserContext& owner) {
  if ((NACRE_CSR_READ("sstatus") & kStatusFs) != kStatusFs) return;
  nacre_store_float(owner.f);
  mark_clean();
  ++register_traffic.float_stores;
}

void load(const UserContext& context) {
  nacre_load_float(context.f);
  mark_clean();
  ++register_traffic.float_loads;
}

// A panic in a fast handler leaves enter_user by unwinding, past the end of nacre_enter_user.
struct ContextEnd {
  PerCpu& cpu;
  ~ContextEnd() { cpu.context = nullptr; }
};

// ---- vectors ----

extern "C" void nacre_store_vectors(VectorArea* area);
extern "C" void nacre_load_vectors(const VectorArea* area);

void set_vector_status(uint64_t status) {
  NACRE_CSR_CLEAR("sstatus", kStatusVs);
  if (status != 0) NACRE_CSR_SET("sstatus", status);
}

// The owner's registers are where it is kept from here on, and off.
void put_vectors_away(PerCpu& cpu) {
  if ((NACRE_CSR_READ("sstatus") & kStatusVs) == kStatusVs) {
    nacre_store_vectors(cpu.vector_owner->vectors);
    ++register_traffic.vector_stores;
  }
  set_vector_status(0);
  cpu.vector_owner = nullptr;
}

// Only if a thread with vectors comes or goes.
[[gnu::noinline]] void switch_vectors(PerCpu& cpu, UserContext& context) {
  if (cpu.vector_owner == &context) return;
  if (cpu.vector_owner != nullptr) put_vectors_away(cpu);
  if (context.vectors == nullptr) return;
  set_vector_status(kStatusVsClean);
  nacre_load_vectors(context.vectors);
  set_vector_status(kStatusVsClean);
  ++register_traffic.vector_loads;
  cpu.vector_owner = &context;
}

}  // namespace

ExitReason enter_user(UserContext& context) {
  PerCpu& cpu = arch::this_cpu();
  DEBUG_ASSERT(cpu.context == nullptr);
  if (cpu.float_owner != &context) [[unlikely]] {
    if (cpu.float_owner != nullptr) store_if_dirty(*cpu.float_owner);
    load(context);
    cpu.float_owner = &context;
  }
  if (context.vectors != nullptr || cpu.vector_owner != nullptr) [[unlikely]]
    switch_vectors(cpu, context);
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

void forget_registers(UserContext& context) noexcept {
  PerCpu& cpu = arch::this_cpu();
  if (cpu.vector_owner == &context) [[unlikely]]
    put_vectors_away(cpu);
  if (cpu.float_owner != &context) return;
  store_if_dirty(context);
  cpu.float_owner = nullptr;
}

size_t vector_area_bytes() noexcept {
  // 0 or, once somebody asked, the answer of a machine that has vectors.
  static constinit std::atomic<size_t> known{0};
  if (!arch::cpu_features().v) return 0;
  size_t bytes = known.load(std::memory_order_relaxed);
  if (bytes != 0) return bytes;
  const uint64_t before = NACRE_CSR_READ("sstatus") & kStatusVs;
  set_vector_status(kStatusVsClean);
  bytes = sizeof(VectorArea) + 32 * NACRE_CSR_READ("0xc22");  // vlenb
  set_vector_status(before);
  known.store(bytes, std::memory_order_relaxed);
  return bytes;
}

void begin_vectors(UserContext& context, VectorArea* area) noexcept {
  ASSERT(context.vectors == nullptr && vector_area_bytes() != 0);
  std::memset(area, 0, vector_area_bytes());
  context.vectors = area;
}

VectorArea* end_vectors(UserContext& context) noexcept {
  PerCpu& cpu = arch::this_cpu();
  if (cpu.vector_owner == &context) put_vectors_away(cpu);
  return std::exchange(context.vectors, nullptr);
}

const RegisterTraffic& register_traffic_of_this_cpu() noexcept {
  return register_traffic;
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
