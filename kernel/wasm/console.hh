// The guest's standard streams and the control channel, over the ports of abi/control.hh.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "nacre/abi/control.hh"
#include "nacre/base/core/error.hh"
#include "nacre/base/coro/event.hh"
#include "nacre/base/coro/task.hh"
#include "nacre/kernel/dev/virtio_serial.hh"
#include "nacre/kernel/wasm/program_streams.hh"

namespace nacre::kwasm {

// A port whose reader and writer wait instead of trying again. One reader and one writer at a time.
class PortStream final : private dev::PortListener {
 public:
  explicit PortStream(dev::SerialPort& port) : port_(port) { port_.set_listener(this); }
  ~PortStream() override { port_.set_listener(nullptr); }
  PortStream(const PortStream&) = delete;
  PortStream& operator=(const PortStream&) = delete;

  // Hands all of `bytes` to the device. They stay alive until the task ends.
  [[nodiscard]] coro::Task<void> write(std::span<const std::byte> bytes);
  // At once, if there is room for all of it and nobody waits for room; else nothing is written.
  [[nodiscard]] bool try_write(std::span<const std::byte> bytes);
  // Until the host has taken everything.
  [[nodiscard]] coro::Task<void> drain();

  // What has arrived, without waiting; 0 if nothing.
  [[nodiscard]] size_t read_some(std::span<std::byte> out) { return port_.read_some(out); }
  // Until there is input, or until the deadline (a time of arch::now_ns()); whether there is.
  [[nodiscard]] coro::Task<bool> wait_for_input(uint64_t deadline_ns);

 private:
  void on_input() noexcept override { input_.set(); }
  void on_output_space() noexcept override { space_.set(); }

  dev::SerialPort& port_;
  coro::Event input_;
  coro::Event space_;
  bool is_writing_ = false;
};

// Standard input by request and answer.
//
// States: idle → (fill) requested → header complete → bytes buffered → idle; or → ended, for ever.
class StandardInput {
 public:
  explicit StandardInput(dev::SerialPort& port) : stream_(port) {}

  // Waits for at least one byte or the end (0).
  [[nodiscard]] coro::Task<size_t> read(std::span<std::byte> out);
  // What is there, if something is, or the end (0).
  [[nodiscard]] std::optional<size_t> try_read(std::span<std::byte> out);
  // Waits until read() would not; false at the deadline.
  [[nodiscard]] coro::Task<bool> wait(uint64_t deadline_ns);
  [[nodiscard]] bool is_ready() const { return ended_ || next_ != buffer_.size(); }
  [[nodiscard]] bool is_at_end() const { return ended_ && next_ == buffer_.size(); }
  [[nodiscard]] size_t buffered() const { return buffer_.size() - next_; }

 private:
  void take_input();
  [[nodiscard]] size_t take(std::span<std::byte> out);

  PortStream stream_;
  std::vector<std::byte> buffer_;  // of the answer in progress: bytes that have arrived
  size_t next_ = 0;                // first byte of the buffer that nobody read
  size_t missing_ = 0;             // bytes of the answer still to come
  std::vector<std::byte> header_;  // of the answer, as far as it has arrived
  bool requested_ = false;
  bool ended_ = false;
};

class Console final : public ProgramStreams {
 public:
  // NotFound if a port is missing.
  [[nodiscard]] static Result<std::unique_ptr<Console>> open(dev::VirtioSerial& serial);

  // Sends a message; the final ones go after everything on the streams has reached the host.
  [[nodiscard]] coro::Task<void> send_exit(uint32_t code);
  [[nodiscard]] coro::Task<void> send_final_text(abi::ControlType type, std::string_view text);

  [[nodiscard]] coro::Task<size_t> read(std::span<std::byte> out) override;
  [[nodiscard]] wasi::System::InputState input_state() override;
  [[nodiscard]] coro::Task<bool> wait_for_input(uint64_t deadline_ns) override;
  [[nodiscard]] coro::Task<void> write(wasi::Stream stream,
                                       std::span<const std::byte> bytes) override;
  [[nodiscard]] std::optional<size_t> try_read(std::span<std::byte> out) override;
  [[nodiscard]] bool try_write(wasi::Stream stream, std::span<const std::byte> bytes) override;
  [[nodiscard]] bool is_terminal() const override { return false; }
  void show_progress(std::string_view text) override;

 private:
  struct Ports {
    dev::SerialPort* input;
    dev::SerialPort* output;
    dev::SerialPort* error_output;
    dev::SerialPort* control;
  };
  explicit Console(const Ports& ports);
  [[nodiscard]] coro::Task<void> send(abi::ControlType type, std::span<const std::byte> payload);
  [[nodiscard]] coro::Task<void> drain_streams();
  [[nodiscard]] PortStream& port_of(wasi::Stream stream) {
    return stream == wasi::Stream::Err ? error_output_ : output_;
  }

  StandardInput input_;
  PortStream output_;
  PortStream error_output_;
  dev::SerialPort& control_port_;
  PortStream control_;
};

}  // namespace nacre::kwasm
