#include "nacre/kernel/dev/uart16550.hh"

#include "nacre/base/core/panic.hh"

namespace nacre::dev {

Uart16550::Uart16550(ByteRegisters& registers) noexcept : registers_(registers) {
  registers_.write8(kFifoControl, kFifoEnable);
  registers_.write8(kModemControl, registers_.read8(kModemControl) | kOut2);
  registers_.write8(kInterruptEnable, kReceiveInterrupt);
}

uint8_t Uart16550::take() noexcept {
  ASSERT(has_input());
  return buffer_[read_++ % kBufferSize];
}

bool Uart16550::drop_through(uint8_t byte) noexcept {
  for (uint64_t at = read_; at != written_; ++at) {
    if (buffer_[at % kBufferSize] != byte) continue;
    read_ = at + 1;
    return true;
  }
  return false;
}

bool Uart16550::poll() noexcept {
  bool any = false;
  bool kept = false;
  while ((registers_.read8(kLineStatus) & kDataReady) != 0) {
    const uint8_t byte = registers_.read8(kReceiveBuffer);
    any = true;
    if (written_ - read_ == kBufferSize) {
      ++lost_;
      continue;
    }
    buffer_[written_++ % kBufferSize] = byte;
    kept = true;
  }
  if (kept && listener_ != nullptr) listener_->on_input();
  return any;
}

}  // namespace nacre::dev
