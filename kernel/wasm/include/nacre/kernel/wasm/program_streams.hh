// The standard streams of a program: ports to the host (console.hh) or a terminal (kernel/shell).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "nacre/base/coro/task.hh"
#include "nacre/engine/wasi/system.hh"

namespace nacre::kwasm {

class ProgramStreams {
 public:
  virtual ~ProgramStreams() = default;

  // Waits for at least one byte of standard input, or for its end (0).
  [[nodiscard]] virtual coro::Task<size_t> read(std::span<std::byte> out) = 0;
  // What read() could return without waiting.
  [[nodiscard]] virtual wasi::System::InputState input_state() = 0;
  // Until read() would not wait; false at the deadline (a time of arch::now_ns()).
  [[nodiscard]] virtual coro::Task<bool> wait_for_input(uint64_t deadline_ns) = 0;
  // All of `bytes`, to standard output or standard error. They stay alive until the task ends.
  [[nodiscard]] virtual coro::Task<void> write(wasi::Stream stream,
                                               std::span<const std::byte> bytes) = 0;
  // read() and write() where they need not wait: how much was read; whether all was written. Otherwise they do nothing.
  [[nodiscard]] virtual std::optional<size_t> try_read(std::span<std::byte>) {
    return std::nullopt;
  }
  [[nodiscard]] virtual bool try_write(wasi::Stream, std::span<const std::byte>) { return false; }
  [[nodiscard]] virtual bool is_terminal() const = 0;
  // What takes so long, one line; without suspending. May be shown or not.
  virtual void show_progress(std::string_view text) = 0;
};

}  // namespace nacre::kwasm
