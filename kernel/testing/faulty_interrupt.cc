#include "nacre/kernel/testing/faulty_interrupt.hh"

#include "nacre/kernel/arch/cpus.hh"
#include "nacre/kernel/arch/interrupts.hh"
#include "nacre/kernel/arch/opaque.hh"
#include "nacre/kernel/trap/dispatch.hh"

namespace nacre::testing {
namespace {

// What the handler makes, and where.
constinit void (*wanted_fault)() = nullptr;
constinit CpuId wanted_cpu{0};

void interrupt_with_fault() {
  arch::clear_software_interrupt();
  if (arch::this_cpu().id == wanted_cpu) wanted_fault();
  // Not the last call, so that the backtrace names this function.
  (void)arch::opaque(0);
}

}  // namespace

FaultyInterrupt::FaultyInterrupt(void (*make)(), CpuId cpu) {
  wanted_fault = make;
  wanted_cpu = cpu;
  trap::set_interrupt_handler(arch::InterruptSource::Software, &interrupt_with_fault);
  arch::send_software_interrupt(arch::hart_of(cpu));
}

FaultyInterrupt::~FaultyInterrupt() {
  trap::set_interrupt_handler(arch::InterruptSource::Software, &arch::clear_software_interrupt);
}

}  // namespace nacre::testing
