// The console as a terminal: keys by interrupt, text at once. Belongs to the CPU that serves the UART; so do its users.
#pragma once

#include <string>
#include <string_view>

#include "nacre/base/core/format.hh"
#include "nacre/base/coro/event.hh"
#include "nacre/base/coro/task.hh"
#include "nacre/kernel/dev/uart16550.hh"
#include "nacre/kernel/wasm/program_streams.hh"

namespace nacre::shell {

class Terminal final : public FormatSink, private dev::UartListener {
 public:
  explicit Terminal(dev::Uart16550& uart) : uart_(uart) { uart_.set_listener(this); }
  ~Terminal() override { uart_.set_listener(nullptr); }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void write(std::string_view text) override;

  // Waits for a key.
  [[nodiscard]] coro::Task<uint8_t> read_key();
  // Returns when ^C has been typed; it and what was typed before are gone.
  [[nodiscard]] coro::Task<void> wait_for_interrupt_key();
  // Until there is a key; false at the deadline.
  [[nodiscard]] coro::Task<bool> wait_for_key(uint64_t deadline_ns);
  [[nodiscard]] bool has_key() const { return uart_.has_input(); }

 private:
  void on_input() noexcept override { input_.set(); }

  dev::Uart16550& uart_;
  coro::Event input_;
};

// A program's streams on the terminal: whole lines in, echoed and with Backspace; ^D on an empty line is the end. A program in
// the background reads the end at once.
class TerminalStreams final : public kwasm::ProgramStreams {
 public:
  enum class Place : uint8_t { Foreground, Background };
  TerminalStreams(Terminal& terminal, Place place)
      : terminal_(terminal), ended_(place == Place::Background) {}

  [[nodiscard]] coro::Task<size_t> read(std::span<std::byte> out) override;
  [[nodiscard]] wasi::System::InputState input_state() override;
  [[nodiscard]] coro::Task<bool> wait_for_input(uint64_t deadline_ns) override;
  [[nodiscard]] coro::Task<void> write(wasi::Stream stream,
                                       std::span<const std::byte> bytes) override;
  [[nodiscard]] bool is_terminal() const override { return true; }
  void show_progress(std::string_view text) override;

 private:
  void take_key(uint8_t key);

  Terminal& terminal_;
  bool ended_;
  std::string editing_;  // the line that is typed
  std::string ready_;    // whole lines that nobody read yet
};

}  // namespace nacre::shell
