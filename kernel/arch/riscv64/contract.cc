// riscv64 keeps the contract.
#include "nacre/kernel/arch/contract.hh"

#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/translation.hh"

namespace nacre::arch {
namespace {

struct Riscv64 {
  static constexpr auto enabled = interrupts_enabled;
  static constexpr auto enable = enable_interrupts;
  static constexpr auto disable = disable_interrupts;
  static constexpr auto enable_source = arch::enable_source;
  static constexpr auto disable_source = arch::disable_source;
  static constexpr auto pending = pending_interrupt;
  static constexpr auto wait = wait_for_interrupt;

  static constexpr auto now_ticks = arch::now_ticks;
  static constexpr auto ticks_per_second = arch::ticks_per_second;
  static constexpr auto now_ns = arch::now_ns;
  static constexpr auto set_deadline = set_timer_deadline;
  static constexpr auto cancel = cancel_timer;

  static constexpr auto switch_to = switch_address_space;
  static constexpr auto current = current_address_space;
  static constexpr auto flush_range = arch::flush_range;
  static constexpr auto flush_space = arch::flush_space;
  static constexpr auto flush_everything = arch::flush_everything;
  static constexpr auto synchronise_instructions = arch::synchronise_instructions;

  static constexpr auto write = console_write;
  static constexpr auto stop = stop_machine;
  static constexpr auto this_cpu = arch::this_cpu;
  static constexpr auto features = cpu_features;
};

static_assert(Architecture<Riscv64>);

}  // namespace
}  // namespace nacre::arch
