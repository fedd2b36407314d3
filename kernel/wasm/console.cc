#include "console.hh"

#include <algorithm>
#include <cstring>

#include "nacre/base/core/format.hh"

namespace nacre::kwasm {
namespace {

std::vector<std::byte> control_message(abi::ControlType type, std::span<const std::byte> payload) {
  payload = payload.first(std::min<size_t>(payload.size(), abi::kMaxControlPayload));
  const abi::ControlHeader header = {.type = type, .length = static_cast<uint32_t>(payload.size())};
  std::vector<std::byte> message;
  message.reserve(sizeof header + payload.size());
  message.append_range(std::as_bytes(std::span(&header, 1)));
  message.append_range(payload);
  return message;
}

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

// ---- PortStream ----

bool PortStream::try_write(std::span<const std::byte> bytes) {
  if (is_writing_ || !port_.has_room(bytes.size())) return false;
  const size_t taken = port_.write_some(bytes);
  ASSERT(taken == bytes.size());
  return true;
}

coro::Task<void> PortStream::write(std::span<const std::byte> bytes) {
  struct Writing {
    bool& flag;
    explicit Writing(bool& f) : flag(f) { flag = true; }
    ~Writing() { flag = false; }
  };
  const Writing writing(is_writing_);
  while (!bytes.empty()) {
    // Reset before the look: space that comes in between is not missed.
    space_.reset();
    const size_t taken = port_.write_some(bytes);
    bytes = bytes.subspan(taken);
    if (taken == 0) co_await space_.wait();
  }
}

coro::Task<void> PortStream::drain() {
  for (;;) {
    space_.reset();
    if (port_.is_drained()) co_return;
    co_await space_.wait();
  }
}

coro::Task<bool> PortStream::wait_for_input(uint64_t deadline_ns) {
  input_.reset();
  if (port_.has_input()) co_return true;
  (void)co_await input_.wait_until(deadline_ns);
  co_return port_.has_input();
}

// ---- StandardInput ----

void StandardInput::take_input() {
  if (header_.size() < sizeof(abi::StdinFrame)) {
    std::byte bytes[sizeof(abi::StdinFrame)];
    const size_t wanted = sizeof(abi::StdinFrame) - header_.size();
    const size_t count = stream_.read_some(std::span(bytes).first(wanted));
    header_.insert(header_.end(), bytes, bytes + count);
    if (header_.size() < sizeof(abi::StdinFrame)) return;
    abi::StdinFrame frame;
    std::memcpy(&frame, header_.data(), sizeof frame);
    missing_ = std::min(frame.length, abi::kMaxStdinFrame);
    buffer_.clear();
    next_ = 0;
    if (missing_ == 0) ended_ = true;
  }
  const size_t have = buffer_.size();
  buffer_.resize(have + missing_);
  const size_t count = stream_.read_some(std::span(buffer_).subspan(have));
  buffer_.resize(have + count);
  missing_ -= count;
  if (missing_ == 0) {
    requested_ = false;
    header_.clear();
  }
}

coro::Task<bool> StandardInput::wait(uint64_t deadline_ns) {
  while (!is_ready()) {
    if (!requested_) {
      requested_ = true;
      const abi::StdinRequest request = {.wanted = abi::kMaxStdinFrame};
      co_await stream_.write(std::as_bytes(std::span(&request, 1)));
    }
    if (!co_await stream_.wait_for_input(deadline_ns)) co_return false;
    take_input();
  }
  co_return true;
}

std::optional<size_t> StandardInput::try_read(std::span<std::byte> out) {
  if (!is_ready()) return std::nullopt;
  return take(out);
}

coro::Task<size_t> StandardInput::read(std::span<std::byte> out) {
  (void)co_await wait(coro::kNever);
  co_return take(out);
}

size_t StandardInput::take(std::span<std::byte> out) {
  const size_t count = std::min(out.size(), buffered());
  std::copy_n(buffer_.begin() + static_cast<ptrdiff_t>(next_), count, out.begin());
  next_ += count;
  return count;
}

// ---- Console ----

Result<std::unique_ptr<Console>> Console::open(dev::VirtioSerial& serial) {
  Ports ports{};
  TRY_ASSIGN(ports.input, serial.wait_for(abi::kStdinPort));
  TRY_ASSIGN(ports.output, serial.wait_for(abi::kStdoutPort));
  TRY_ASSIGN(ports.error_output, serial.wait_for(abi::kStderrPort));
  TRY_ASSIGN(ports.control, serial.wait_for(abi::kControlPort));
  return std::unique_ptr<Console>(new Console(ports));
}

Console::Console(const Ports& ports)
    : input_(*ports.input),
      output_(*ports.output),
      error_output_(*ports.error_output),
      control_port_(*ports.control),
      control_(*ports.control) {}

coro::Task<size_t> Console::read(std::span<std::byte> out) {
  co_return co_await input_.read(out);
}

std::optional<size_t> Console::try_read(std::span<std::byte> out) {
  return input_.try_read(out);
}

wasi::System::InputState Console::input_state() {
  return {.ready = input_.is_ready(), .end = input_.is_at_end(), .bytes = input_.buffered()};
}

coro::Task<bool> Console::wait_for_input(uint64_t deadline_ns) {
  co_return co_await input_.wait(deadline_ns);
}

coro::Task<void> Console::write(wasi::Stream stream, std::span<const std::byte> bytes) {
  co_await port_of(stream).write(bytes);
}

bool Console::try_write(wasi::Stream stream, std::span<const std::byte> bytes) {
  return port_of(stream).try_write(bytes);
}

coro::Task<void> Console::drain_streams() {
  co_await output_.drain();
  co_await error_output_.drain();
}

coro::Task<void> Console::send(abi::ControlType type, std::span<const std::byte> payload) {
  const std::vector<std::byte> message = control_message(type, payload);
  co_await control_.write(message);
  co_await control_.drain();
}

coro::Task<void> Console::send_exit(uint32_t code) {
  co_await drain_streams();
  const abi::ControlExit payload = {.code = code};
  co_await send(abi::ControlType::Exit, std::as_bytes(std::span(&payload, 1)));
}

coro::Task<void> Console::send_final_text(abi::ControlType type, std::string_view text) {
  co_await drain_streams();
  co_await send(type, as_bytes(text));
}

void Console::show_progress(std::string_view text) {
  control_port_.write_polling(control_message(abi::ControlType::Progress, as_bytes(text)));
}

}  // namespace nacre::kwasm
