// The devices that the kernel itself drives, found in the device tree: real-time clock, UART, and the serial device whose ports
// lead to the host. Their interrupts are awaited by tasks of the CPU that discovered them, wherever they are delivered.
#pragma once

#include <cstdint>
#include <memory>

#include "nacre/base/core/address.hh"
#include "nacre/base/core/error.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/base/fdt/tree.hh"
#include "nacre/kernel/dev/interrupts.hh"
#include "nacre/kernel/dev/uart16550.hh"
#include "nacre/kernel/dev/virtio_serial.hh"
#include "nacre/kernel/machine/device_memory.hh"
#include "nacre/kernel/machine/interrupts.hh"

namespace nacre::machine {

class Devices {
 public:
  // What the machine does not have is left out; a device that is there but does not work is an error.
  [[nodiscard]] static Result<std::unique_ptr<Devices>> discover(const fdt::Tree& tree,
                                                                 DeviceMapper& mapper,
                                                                 mm::FrameAllocator& frames);
  Devices(const Devices&) = delete;
  Devices& operator=(const Devices&) = delete;

  // nullptr on a machine without one.
  [[nodiscard]] dev::VirtioSerial* serial() { return serial_.get(); }
  // What is typed on the console; nullptr on a machine without a UART.
  [[nodiscard]] dev::Uart16550* uart() { return uart_.get(); }
  // Starts the drivers' tasks, on the CPU that discovered the devices. They end when the scope is cancelled, which is before
  // the devices go. Throws std::bad_alloc.
  void serve(coro::Scope& scope);
  // Nanoseconds since 1970; since power-on without a clock.
  [[nodiscard]] uint64_t realtime_ns() const;

 private:
  explicit Devices(mm::FrameAllocator& frames) : dma_(frames) {}
  [[nodiscard]] static Result<std::unique_ptr<dev::AwaitableInterrupt>> connect(
      const InterruptLine& line);
  [[nodiscard]] Result<void> find_clock(const fdt::Tree& tree, DeviceMapper& mapper);
  [[nodiscard]] Result<void> find_uart(const fdt::Tree& tree, DeviceMapper& mapper);
  [[nodiscard]] Result<void> find_serial(const fdt::Tree& tree, DeviceMapper& mapper);
  [[nodiscard]] Result<bool> try_serial(const fdt::Node& node, DeviceMapper& mapper);
  [[nodiscard]] coro::Task<void> serve_uart();
  [[nodiscard]] coro::Task<void> serve_serial();

  FrameDmaMemory dma_;
  std::unique_ptr<MappedRegisters> serial_registers_;
  std::unique_ptr<dev::VirtioSerial> serial_;
  std::unique_ptr<dev::AwaitableInterrupt> serial_interrupt_;
  std::unique_ptr<MappedBytes> uart_registers_;
  std::unique_ptr<dev::Uart16550> uart_;
  std::unique_ptr<dev::AwaitableInterrupt> uart_interrupt_;
  uint64_t realtime_at_zero_ns_ = 0;  // real time when arch::now_ns() was 0
};

}  // namespace nacre::machine
