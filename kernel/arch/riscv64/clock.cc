#include "nacre/kernel/arch/clock.hh"

#include "nacre/kernel/arch/riscv64/csr.hh"
#include "nacre/kernel/arch/riscv64/sbi.hh"
#include "state.hh"

namespace nacre::arch {
namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;
constexpr uint64_t kNever = ~uint64_t{0};

void set_compare(uint64_t ticks) {
  if (g_machine.features.sstc) {
    NACRE_CSR_WRITE("0x14d", ticks);  // stimecmp
  } else {
    riscv64::sbi_set_timer(ticks);
  }
}

// value * to / from without overflow on the way; saturates.
uint64_t scale(uint64_t value, uint64_t to, uint64_t from, bool up) {
  const auto wide = static_cast<unsigned __int128>(value) * to + (up ? from - 1 : 0);
  const auto scaled = wide / from;
  return scaled > kNever ? kNever : static_cast<uint64_t>(scaled);
}

// The common case, which needs no 128-bit division: a clock that divides the second. 0 for others.
uint64_t whole_ns_per_tick() {
  const uint64_t rate = g_machine.ticks_per_second;
  return kNsPerSecond % rate == 0 ? kNsPerSecond / rate : 0;
}

}  // namespace

uint64_t now_ticks() {
  return NACRE_CSR_READ("time");
}
uint64_t ticks_per_second() {
  return g_machine.ticks_per_second;
}

uint64_t ticks_to_ns(uint64_t ticks) {
  uint64_t ns = 0;
  const uint64_t whole = whole_ns_per_tick();
  if (whole != 0 && !__builtin_mul_overflow(ticks, whole, &ns)) return ns;
  return scale(ticks, kNsPerSecond, g_machine.ticks_per_second, false);
}

uint64_t now_ns() {
  return ticks_to_ns(now_ticks());
}

void set_timer_deadline(uint64_t deadline_ns) {
  if (const uint64_t whole = whole_ns_per_tick(); whole != 0) {
    return set_compare(deadline_ns / whole + (deadline_ns % whole != 0 ? 1 : 0));
  }
  set_compare(scale(deadline_ns, g_machine.ticks_per_second, kNsPerSecond, true));
}

void cancel_timer() {
  set_compare(kNever);
}

}  // namespace nacre::arch
