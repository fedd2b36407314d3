// The devices that the kernel itself drives, found in the device tree: interrupt controller, real-time clock, and the serial
// device whose ports lead to the host.
#pragma once

#include <cstdint>
#include <memory>

#include "nacre/base/core/address.hh"
#include "nacre/base/core/error.hh"
#include "nacre/base/fdt/tree.hh"
#include "nacre/kernel/dev/plic.hh"
#include "nacre/kernel/dev/uart16550.hh"
#include "nacre/kernel/dev/virtio_serial.hh"
#include "nacre/kernel/machine/device_memory.hh"

namespace nacre::machine {

class Devices {
 public:
  // `hart` is the one that takes external interrupts. What the machine does not have is left out; a device that is there but
  // does not work is an error.
  [[nodiscard]] static Result<std::unique_ptr<Devices>> discover(const fdt::Tree& tree, HartId hart,
                                                                 DeviceMapper& mapper,
                                                                 mm::FrameAllocator& frames);
  Devices(const Devices&) = delete;
  Devices& operator=(const Devices&) = delete;

  // nullptr on a machine without one.
  [[nodiscard]] dev::VirtioSerial* serial() { return serial_.get(); }
  // What is typed on the console; nullptr on a machine without a UART.
  [[nodiscard]] dev::Uart16550* uart() { return uart_.get(); }
  // nullptr on a machine without one.
  [[nodiscard]] const dev::Plic* interrupt_controller() const { return plic_.get(); }
  // Serves every pending external interrupt of this CPU.
  void handle_external_interrupt();
  // Nanoseconds since 1970; since power-on without a clock.
  [[nodiscard]] uint64_t realtime_ns() const;

 private:
  class SerialInterrupt;

  explicit Devices(mm::FrameAllocator& frames) : dma_(frames) {}
  [[nodiscard]] Result<void> find_interrupt_controller(const fdt::Tree& tree, HartId hart,
                                                       DeviceMapper& mapper);
  [[nodiscard]] Result<void> find_clock(const fdt::Tree& tree, DeviceMapper& mapper);
  [[nodiscard]] Result<void> find_uart(const fdt::Tree& tree, DeviceMapper& mapper);
  [[nodiscard]] Result<void> find_serial(const fdt::Tree& tree, DeviceMapper& mapper);
  [[nodiscard]] Result<bool> try_serial(const fdt::Node& node, DeviceMapper& mapper);

  FrameDmaMemory dma_;
  std::unique_ptr<MappedRegisters> plic_registers_;
  std::unique_ptr<dev::Plic> plic_;
  uint32_t plic_context_ = 0;
  std::unique_ptr<MappedRegisters> serial_registers_;
  std::unique_ptr<dev::VirtioSerial> serial_;
  std::unique_ptr<dev::InterruptHandler> serial_interrupt_;
  std::unique_ptr<MappedBytes> uart_registers_;
  std::unique_ptr<dev::Uart16550> uart_;
  uint64_t realtime_at_zero_ns_ = 0;  // real time when arch::now_ns() was 0
};

}  // namespace nacre::machine
