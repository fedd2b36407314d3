#include "nacre/kernel/arch/interrupts.hh"

#include <array>
#include <atomic>

#include "nacre/kernel/arch/cpus.hh"
#include "nacre/kernel/arch/riscv64/csr.hh"
#include "nacre/kernel/arch/riscv64/sbi.hh"

namespace nacre::arch {
namespace {

using namespace riscv64;

constexpr uint64_t bit_of(InterruptSource source) {
  switch (source) {
    case InterruptSource::Software:
      return kSoftware;
    case InterruptSource::Timer:
      return kTimer;
    case InterruptSource::External:
      return kExternal;
  }
  return 0;
}

struct Doorbell {
  MmioRegion file;
  uint64_t offset = 0;
  uint32_t value = 0;
};
constinit std::array<Doorbell, kMaxCpus> doorbells{};
// Apart from the shorter way, which then needs no frame.
[[gnu::noinline]] void interrupt_by_firmware(CpuId cpu) {
  send_software_interrupt(hart_of(cpu));
}

// The CPUs that have one. The release of set_doorbell pairs with the acquire of interrupt_cpu.
constinit std::atomic<CpuMask> with_doorbell{0};

}  // namespace

bool interrupts_enabled() {
  return (NACRE_CSR_READ("sstatus") & kStatusSie) != 0;
}
void enable_interrupts() {
  NACRE_CSR_SET("sstatus", kStatusSie);
}
void disable_interrupts() {
  NACRE_CSR_CLEAR("sstatus", kStatusSie);
}

void enable_source(InterruptSource source) {
  NACRE_CSR_SET("sie", bit_of(source));
}
void disable_source(InterruptSource source) {
  NACRE_CSR_CLEAR("sie", bit_of(source));
}

std::optional<InterruptSource> pending_interrupt() {
  const uint64_t pending = NACRE_CSR_READ("sip") & NACRE_CSR_READ("sie");
  if (pending == 0) return std::nullopt;
  return most_urgent(pending);
}

// SAFETY: wfi has no effect but time.
void wait_for_interrupt() {
  asm volatile("wfi" ::: "memory");
}

void send_software_interrupt(HartId hart) {
  sbi_send_interrupt(1, hart.value);
}

void set_doorbell(CpuId cpu, const MmioRegion& file, uint64_t offset, uint32_t value) {
  doorbells[cpu.value] = {file, offset, value};
  with_doorbell.fetch_or(mask_of(cpu), std::memory_order_release);
}

bool has_doorbell(CpuId cpu) {
  return (with_doorbell.load(std::memory_order_acquire) & mask_of(cpu)) != 0;
}

void interrupt_cpu(CpuId cpu) {
  if (!has_doorbell(cpu)) return interrupt_by_firmware(cpu);
  // What was written to memory before is visible to the one that is woken (MmioRegion::write).
  const Doorbell& doorbell = doorbells[cpu.value];
  doorbell.file.write(doorbell.offset, doorbell.value);
}

void clear_software_interrupt() {
  NACRE_CSR_CLEAR("sip", kSoftware);
}

}  // namespace nacre::arch
