#include "nacre/kernel/trap/dispatch.hh"

#include <array>

#include "layout.h"
#include "nacre/base/core/format.hh"
#include "nacre/base/core/panic.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/arch/riscv64/csr.hh"
#include "nacre/kernel/arch/user_access.hh"

namespace nacre::trap {
namespace {

using arch::InterruptSource;
using arch::PerCpu;

static_assert(offsetof(PerCpu, stack_bottom) == CPU_STACK_BOTTOM);
static_assert(offsetof(PerCpu, stack_top) == CPU_STACK_TOP);
static_assert(offsetof(PerCpu, emergency_stack_top) == CPU_EMERGENCY_TOP);
static_assert(offsetof(KernelFrame, pc) == KERNEL_FRAME_PC);
static_assert(offsetof(KernelFrame, cause) == KERNEL_FRAME_CAUSE);
static_assert(offsetof(KernelFrame, value) == KERNEL_FRAME_VALUE);
static_assert(offsetof(KernelFrame, status) == KERNEL_FRAME_STATUS);
static_assert(sizeof(KernelFrame) == KERNEL_FRAME_SIZE);
static_assert(STACK_RESERVE == 4096, "entry.S compares by shifting");

extern "C" void nacre_trap_entry();

constinit std::array<InterruptHandler, 3> handlers{};

void serve(InterruptSource source) {
  const auto index = static_cast<size_t>(source);
  // Nobody else writes it, so that load and store need not be one.
  std::atomic<uint64_t>& served = arch::this_cpu().interrupts[index];
  served.store(served.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  const InterruptHandler handler = handlers[index];
  ASSERT(handler != nullptr);
  handler();
}

uint64_t enabled_and_pending() {
  return NACRE_CSR_READ("sip") & NACRE_CSR_READ("sie");
}

// Until nothing is pending.
[[gnu::noinline]] void serve_all(uint64_t pending) {
  do {
    serve(arch::riscv64::most_urgent(pending));
    pending = enabled_and_pending();
  } while (pending != 0);
}

InterruptSource source_of(Cause cause) {
  switch (cause) {
    case Cause::SoftwareInterrupt:
      return InterruptSource::Software;
    case Cause::TimerInterrupt:
      return InterruptSource::Timer;
    case Cause::ExternalInterrupt:
      return InterruptSource::External;
    default:
      panic("not an interrupt");
  }
}

std::string_view describe(Cause cause) {
  switch (cause) {
    case Cause::InstructionMisaligned:
      return "misaligned jump";
    case Cause::InstructionAccessFault:
      return "instruction access fault";
    case Cause::IllegalInstruction:
      return "illegal instruction";
    case Cause::Breakpoint:
      return "breakpoint";
    case Cause::LoadMisaligned:
      return "misaligned load";
    case Cause::LoadAccessFault:
      return "load access fault";
    case Cause::StoreMisaligned:
      return "misaligned store";
    case Cause::StoreAccessFault:
      return "store access fault";
    case Cause::InstructionPageFault:
      return "page fault on execution";
    case Cause::LoadPageFault:
      return "page fault on a load";
    case Cause::StorePageFault:
      return "page fault on a store";
    default:
      return "unknown trap";
  }
}

// Formats without a heap: the fault may be the heap's.
class FixedSink final : public FormatSink {
 public:
  void write(std::string_view text) override {
    const size_t room = sizeof buffer_ - size_;
    const size_t count = text.size() < room ? text.size() : room;
    text.copy(buffer_ + size_, count);
    size_ += count;
  }
  [[nodiscard]] std::string_view text() const { return {buffer_, size_}; }

 private:
  char buffer_[240];
  size_t size_ = 0;
};

[[noreturn]] void report(const KernelFrame& frame) {
  const PerCpu& cpu = arch::this_cpu();
  const uint64_t sp = frame.x[static_cast<size_t>(Register::Sp)];
  FixedSink sink;
  if (sp < cpu.stack_bottom + STACK_RESERVE || sp > cpu.stack_top) {
    format_to(sink, "kernel stack overflow: sp 0x{:x} not in 0x{:x}..0x{:x}, ", sp,
              cpu.stack_bottom, cpu.stack_top);
  }
  format_to(sink, "{} in the kernel, address 0x{:x}, pc 0x{:x}", describe(Cause(frame.cause)),
            frame.value, frame.pc);
  panic(sink.text());
}

}  // namespace

void initialize_cpu(StackBounds stack, StackBounds emergency_stack) {
  PerCpu& cpu = arch::this_cpu();
  cpu.stack_bottom = stack.bottom;
  cpu.stack_top = stack.top;
  cpu.emergency_stack_top = emergency_stack.top;
  NACRE_CSR_WRITE("sie", 0);
  NACRE_CSR_WRITE("sscratch", 0);
  // SAFETY: entry.S is the trap vector, 4-byte aligned: direct mode.
  NACRE_CSR_WRITE("stvec", reinterpret_cast<uint64_t>(&nacre_trap_entry));
  NACRE_CSR_CLEAR("sstatus",
                  arch::riscv64::kStatusSum | arch::riscv64::kStatusFs | arch::riscv64::kStatusVs);
  NACRE_CSR_SET("sstatus", arch::riscv64::kStatusFsClean);
}

void set_interrupt_handler(InterruptSource source, InterruptHandler handler) {
  handlers[static_cast<size_t>(source)] = handler;
}

void serve_interrupt(const ExitReason& reason) {
  serve(source_of(reason.cause));
}

// Executors ask at every turn, most often for nothing: no frame and no call for that.
void serve_pending_interrupts() {
  const uint64_t pending = enabled_and_pending();
  if (pending != 0) serve_all(pending);
}

// From entry.S. Returning continues at frame.pc.
extern "C" void nacre_trap_from_kernel(KernelFrame* frame) {
  const ExitReason reason{Cause(frame->cause), frame->value};
  if (reason.is_interrupt()) {
    serve_interrupt(reason);
    return;
  }
  if (const uint64_t landing = arch::find_fixup(frame->pc)) {
    frame->pc = landing;
    return;
  }
  // A fault inside a guarded copy's caller must not leave user memory open to the handlers that run during unwinding.
  NACRE_CSR_CLEAR("sstatus", arch::riscv64::kStatusSum);
  report(*frame);
}

}  // namespace nacre::trap
