#include "terminal.hh"

#include <algorithm>

#include "nacre/kernel/trace/log.hh"

namespace nacre::shell {
namespace {

constexpr uint8_t kInterruptKey = 0x03;  // ^C
constexpr uint8_t kEndKey = 0x04;        // ^D
constexpr uint8_t kDelete = 0x7f;

}  // namespace

void Terminal::write(std::string_view text) {
  trace::write_raw(text);
}

coro::Task<uint8_t> Terminal::read_key() {
  (void)co_await wait_for_key(coro::kNever);
  co_return uart_.take();
}

// Every waiter resets the event before it looks: what comes in between is seen by the look or by the wait.
coro::Task<bool> Terminal::wait_for_key(uint64_t deadline_ns) {
  for (;;) {
    input_.reset();
    if (uart_.has_input()) co_return true;
    if (!co_await input_.wait_until(deadline_ns)) co_return uart_.has_input();
  }
}

coro::Task<void> Terminal::wait_for_interrupt_key() {
  for (;;) {
    input_.reset();
    if (uart_.drop_through(kInterruptKey)) co_return;
    co_await input_.wait();
  }
}

void TerminalStreams::take_key(uint8_t key) {
  const char c = static_cast<char>(key);
  if (key == '\r' || key == '\n') {
    terminal_.write("\n");
    ready_ += editing_ + "\n";
    editing_.clear();
  } else if (key == kEndKey) {
    // The end on an empty line; otherwise what there is, without a newline.
    if (editing_.empty()) ended_ = true;
    ready_ += std::exchange(editing_, {});
  } else if (key == kDelete || key == '\b') {
    if (editing_.empty()) return;
    editing_.pop_back();
    terminal_.write("\b \b");
  } else if (key >= ' ' || key == '\t') {
    editing_.push_back(c);
    terminal_.write(std::string_view(&c, 1));
  }
}

coro::Task<bool> TerminalStreams::wait_for_input(uint64_t deadline_ns) {
  while (ready_.empty() && !ended_) {
    if (!co_await terminal_.wait_for_key(deadline_ns)) co_return false;
    take_key(co_await terminal_.read_key());
  }
  co_return true;
}

coro::Task<size_t> TerminalStreams::read(std::span<std::byte> out) {
  (void)co_await wait_for_input(coro::kNever);
  const size_t count = std::min(out.size(), ready_.size());
  std::ranges::copy(std::as_bytes(std::span(ready_)).first(count), out.begin());
  ready_.erase(0, count);
  co_return count;
}

wasi::System::InputState TerminalStreams::input_state() {
  return {
      .ready = ended_ || !ready_.empty(), .end = ended_ && ready_.empty(), .bytes = ready_.size()};
}

coro::Task<void> TerminalStreams::write(wasi::Stream, std::span<const std::byte> bytes) {
  terminal_.write({static_cast<const char*>(static_cast<const void*>(bytes.data())), bytes.size()});
  co_return;
}

void TerminalStreams::show_progress(std::string_view text) {
  format_to(terminal_, "{}\n", text);
}

}  // namespace nacre::shell
