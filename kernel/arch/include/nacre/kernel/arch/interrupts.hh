// Interrupts of the current CPU. The kernel runs with them off: user code is interrupted at any
// time, the kernel only notices a pending interrupt when it asks (pending) or waits
// (wait_for_interrupt).
#pragma once

#include <cstdint>
#include <optional>

#include "nacre/base/core/address.hh"
#include "nacre/kernel/arch/mmio.hh"

namespace nacre::arch {

enum class InterruptSource : uint8_t { Software, Timer, External };

[[nodiscard]] bool interrupts_enabled();
void enable_interrupts();
void disable_interrupts();

// Whether a source may interrupt this CPU at all: user code, and the wait below.
void enable_source(InterruptSource source);
void disable_source(InterruptSource source);

// The most urgent enabled source that is pending now.
[[nodiscard]] std::optional<InterruptSource> pending_interrupt();

// Sleeps until an enabled source is pending; returns at once if one is. Interrupts stay off, so
// nothing is lost between the caller's last look at its queues and the sleep. May return early.
void wait_for_interrupt();

// Software interrupts: sent by another CPU through the firmware, cleared by the one that got it.
void send_software_interrupt(HartId hart);
// Ends the wait, or the stay in user mode, of a CPU that was announced: through its doorbell if it has one, otherwise by a
// software interrupt.
void interrupt_cpu(CpuId cpu);
// From now on a store of `value` at `offset` of `file` interrupts the CPU as an external interrupt, which it serves.
void set_doorbell(CpuId cpu, const MmioRegion& file, uint64_t offset, uint32_t value);
[[nodiscard]] bool has_doorbell(CpuId cpu);
void clear_software_interrupt();

// Turns interrupts off, and back to what they were.
class InterruptGuard {
 public:
  InterruptGuard() : were_enabled_(interrupts_enabled()) { disable_interrupts(); }
  ~InterruptGuard() {
    if (were_enabled_) enable_interrupts();
  }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  bool were_enabled_;
};

}  // namespace nacre::arch
