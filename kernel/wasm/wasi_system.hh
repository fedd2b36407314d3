// WASI's System in the kernel: the console's streams, the machine's clocks, the kernel's random generator.
#pragma once

#include "nacre/engine/wasi/system.hh"
#include "nacre/kernel/machine/devices.hh"
#include "nacre/kernel/wasm/program_streams.hh"

namespace nacre::kwasm {

class KernelWasiSystem final : public wasi::System {
 public:
  // Both outlive the system.
  KernelWasiSystem(ProgramStreams& streams, const machine::Devices& devices)
      : streams_(streams), devices_(devices) {}

  [[nodiscard]] uint64_t now(wasi::Clock clock) override;
  [[nodiscard]] uint64_t resolution(wasi::Clock clock) override;
  void random(std::span<uint8_t> out) override;
  [[nodiscard]] bool is_terminal(wasi::Stream) override { return streams_.is_terminal(); }
  [[nodiscard]] coro::Task<wasi::Outcome<size_t>> read_stdin(std::span<uint8_t> out) override;
  [[nodiscard]] coro::Task<wasi::Outcome<void>> write(wasi::Stream stream,
                                                      std::span<const uint8_t> bytes) override;
  [[nodiscard]] std::optional<size_t> try_read_stdin(std::span<uint8_t> out) override;
  [[nodiscard]] bool try_write(wasi::Stream stream, std::span<const uint8_t> bytes) override;
  [[nodiscard]] bool try_yield() override;
  [[nodiscard]] InputState stdin_state() override;
  [[nodiscard]] coro::Task<void> sleep_until(uint64_t deadline_ns) override;
  [[nodiscard]] coro::Task<void> wait_for_stdin(uint64_t deadline_ns) override;
  [[nodiscard]] coro::Task<void> yield() override;
  void mark(Marker marker) override;

 private:
  ProgramStreams& streams_;
  const machine::Devices& devices_;
};

}  // namespace nacre::kwasm
