#include "wasi_system.hh"

#include "cpu_turn.hh"
#include "nacre/base/coro/scheduler.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/counting.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/mm/kernel_memory.hh"

namespace nacre::kwasm {

uint64_t KernelWasiSystem::now(wasi::Clock clock) {
  return clock == wasi::Clock::Realtime ? devices_.realtime_ns() : arch::now_ns();
}

uint64_t KernelWasiSystem::resolution(wasi::Clock) {
  constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
  const uint64_t tick_ns = kNanosecondsPerSecond / arch::ticks_per_second();
  return tick_ns == 0 ? 1 : tick_ns;
}

void KernelWasiSystem::random(std::span<uint8_t> out) {
  mm::fill_random(out);
}

coro::Task<wasi::Outcome<size_t>> KernelWasiSystem::read_stdin(std::span<uint8_t> out) {
  co_return co_await streams_.read(std::as_writable_bytes(out));
}

coro::Task<wasi::Outcome<void>> KernelWasiSystem::write(wasi::Stream stream,
                                                        std::span<const uint8_t> bytes) {
  co_await streams_.write(stream, std::as_bytes(bytes));
  co_return wasi::Outcome<void>{};
}

std::optional<size_t> KernelWasiSystem::try_read_stdin(std::span<uint8_t> out) {
  return streams_.try_read(std::as_writable_bytes(out));
}

bool KernelWasiSystem::try_write(wasi::Stream stream, std::span<const uint8_t> bytes) {
  return streams_.try_write(stream, std::as_bytes(bytes));
}

// Nobody wants this CPU: neither the kernel's own work, nor another domain.
bool KernelWasiSystem::try_yield() {
  return !exec::this_executor().has_work() && cpu_scheduler().waiting() == 0;
}

wasi::System::InputState KernelWasiSystem::stdin_state() {
  return streams_.input_state();
}

coro::Task<void> KernelWasiSystem::sleep_until(uint64_t deadline_ns) {
  co_await coro::sleep_until(deadline_ns);
}

coro::Task<void> KernelWasiSystem::wait_for_stdin(uint64_t deadline_ns) {
  (void)co_await streams_.wait_for_input(deadline_ns);
}

// A call that works for long pays for it, and waits for its turn as the guest does in user mode.
coro::Task<void> KernelWasiSystem::yield() {
  co_await CpuTurn::yield();
}

void KernelWasiSystem::mark(Marker marker) {
  if (marker == Marker::Start) {
    arch::begin_counted_region();
  } else {
    arch::end_counted_region();
  }
}

}  // namespace nacre::kwasm
