// The receiving half of a 16550 UART (National Semiconductor PC16550D data sheet, chapter 8): what a person types. The
// transmitting half belongs to kernel/arch, which needs it before there are drivers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "nacre/kernel/dev/access.hh"

namespace nacre::dev {

inline constexpr char kUartCompatible[] = "ns16550a";

// Told when there is something to read. Called from inside poll().
class UartListener {
 public:
  virtual ~UartListener() = default;
  virtual void on_input() noexcept = 0;
};

class Uart16550 final {
 public:
  static constexpr size_t kBufferSize = 1024;

  // `registers` outlives this. Switches the receive interrupt on; line speed and format stay as firmware set them.
  explicit Uart16550(ByteRegisters& registers) noexcept;

  // nullptr: nobody. The listener outlives its time here.
  void set_listener(UartListener* listener) noexcept { listener_ = listener; }
  [[nodiscard]] bool has_input() const noexcept { return read_ != written_; }
  // The next byte that was received. Only when has_input().
  uint8_t take() noexcept;
  // If `byte` was received and not taken yet: drops it and all before it.
  bool drop_through(uint8_t byte) noexcept;
  // Bytes that found no room since power-on: nobody read them.
  [[nodiscard]] uint64_t lost() const noexcept { return lost_; }
  [[nodiscard]] uint64_t received() const noexcept { return written_ + lost_; }

  // Empties the receiver, which takes its interrupt back. Whether there was anything.
  bool poll() noexcept;

 private:
  // Registers, by byte.
  static constexpr uint64_t kReceiveBuffer = 0;
  static constexpr uint64_t kInterruptEnable = 1;
  static constexpr uint64_t kFifoControl = 2;
  static constexpr uint64_t kModemControl = 4;
  static constexpr uint64_t kLineStatus = 5;
  static constexpr uint8_t kReceiveInterrupt = 1 << 0;  // interrupt enable
  static constexpr uint8_t kFifoEnable = 1 << 0;        // FIFO control; the trigger level stays 1
  static constexpr uint8_t kOut2 = 1 << 3;       // modem control: lets interrupts out of the chip
  static constexpr uint8_t kDataReady = 1 << 0;  // line status

  ByteRegisters& registers_;
  UartListener* listener_ = nullptr;
  // Circular; both count from power-on.
  std::array<uint8_t, kBufferSize> buffer_{};
  uint64_t read_ = 0;
  uint64_t written_ = 0;
  uint64_t lost_ = 0;
};

}  // namespace nacre::dev
