// virtio-serial with several ports (virtio 1.2, 5.3, VIRTIO_CONSOLE_F_MULTIPORT): byte streams to
// the host, found by name.
//
// The driver is a state machine without a thread: poll() takes what the device has finished and
// calls the ports' listeners; an interrupt handler calls on_interrupt(), which is the same with an
// acknowledgement. Everything works by polling alone, so the ports can be used before interrupts
// are on and after a panic. Not thread-safe: one caller at a time.
//
// Data is copied between the caller's memory and buffers that belong to the driver for good: a
// guest's page may vanish while the device still reads, a driver's buffer never does.
//
// A port: absent → (device: PORT_ADD) added → (device: PORT_NAME) named → find() yields it. Ports
// are never taken away; one that the device removes only stops being connected.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "nacre/kernel/dev/access.hh"
#include "nacre/kernel/dev/virtio_mmio.hh"
#include "nacre/kernel/dev/virtqueue.hh"

namespace nacre::dev {

// Called from inside poll(). May read and write the port; must not destroy the driver.
class PortListener {
 public:
  virtual ~PortListener() = default;
  virtual void on_input() noexcept = 0;  // there is something to read
  virtual void
  on_output_space() noexcept = 0;  // a buffer came back: more can be written, or all is sent
};

class VirtioSerial;

class SerialPort {
 public:
  [[nodiscard]] std::string_view name() const { return name_; }
  // Somebody on the host holds the other end. What is written without that is lost.
  [[nodiscard]] bool is_connected() const { return connected_; }

  [[nodiscard]] bool has_input() const { return received_count_ != 0; }
  // Copies what has arrived, up to `out.size()`; 0 if there is nothing.
  [[nodiscard]] size_t read_some(std::span<std::byte> out);

  // Takes as much of `bytes` as there is room for and hands it to the device; 0 if there is none.
  [[nodiscard]] size_t write_some(std::span<const std::byte> bytes);
  // Whether write_some() would take that many bytes, all of them; at most one buffer's worth.
  [[nodiscard]] bool has_room(size_t bytes) const;
  // Everything written has been taken by the host.
  [[nodiscard]] bool is_drained() const { return transmit_.is_idle(); }

  // Writes everything and waits until the host has it, without interrupts. False if the device is
  // broken.
  bool write_polling(std::span<const std::byte> bytes);

  // At most one; it outlives the port or is taken off by nullptr.
  void set_listener(PortListener* listener) { listener_ = listener; }

 private:
  friend class VirtioSerial;

  static constexpr uint16_t kReceiveBuffers = 8;
  static constexpr uint32_t kReceiveBytes = 4096;  // QEMU fills no more at a time
  static constexpr uint16_t kTransmitBuffers = 2;
  static constexpr uint32_t kTransmitBytes = 64 * 1024;
  static constexpr size_t kMaxName = 64;
  static constexpr uint64_t kBufferBytes =
      uint64_t{kReceiveBuffers} * kReceiveBytes + uint64_t{kTransmitBuffers} * kTransmitBytes;

  struct Received {
    uint16_t id;
    uint32_t length;
  };

  SerialPort(VirtioSerial& driver, uint32_t number, DmaRegion queues);
  [[nodiscard]] Result<void> add(DmaMemory& memory);
  void give_receive_buffer(uint16_t id);
  [[nodiscard]] DmaRegion receive_buffer(uint16_t id) const;
  [[nodiscard]] DmaRegion transmit_buffer(uint16_t id) const;
  [[nodiscard]] uint32_t receive_index() const;
  [[nodiscard]] uint32_t transmit_index() const { return receive_index() + 1; }
  void poll();

  VirtioSerial& driver_;
  uint32_t number_;
  Virtqueue receive_;
  Virtqueue transmit_;
  DmaRegion buffers_;  // empty until the device has added the port
  std::string name_;
  // Filled buffers, oldest first: received_[(received_first_ + i) % kReceiveBuffers] for i <
  // received_count_.
  std::array<Received, kReceiveBuffers> received_{};
  size_t received_first_ = 0;
  size_t received_count_ = 0;
  uint32_t read_offset_ = 0;  // in the oldest
  PortListener* listener_ = nullptr;
  bool connected_ = false;
};

class VirtioSerial {
 public:
  // Ports beyond this many are left alone.
  static constexpr uint32_t kMaxPorts = 8;

  // Takes over the device that `registers` and probe() say is a console. Both arguments outlive the
  // driver.
  [[nodiscard]] static Result<std::unique_ptr<VirtioSerial>> create(RegisterWindow& registers,
                                                                    DmaMemory& memory);
  VirtioSerial(const VirtioSerial&) = delete;
  VirtioSerial& operator=(const VirtioSerial&) = delete;

  // Serves everything the device has finished.
  void poll();
  // The same, from an interrupt; false if this device did not raise it.
  bool on_interrupt();

  // nullptr until the device has named such a port.
  [[nodiscard]] SerialPort* find(std::string_view name);
  // Polls until the port is there. NotFound after a while, Io if the device is broken.
  [[nodiscard]] Result<SerialPort*> wait_for(std::string_view name);

  // The device broke the rules; nothing more will happen.
  [[nodiscard]] bool is_broken() const { return broken_; }

 private:
  friend class SerialPort;

  struct ControlMessage;

  VirtioSerial(RegisterWindow& registers, DmaMemory& memory)
      : transport_(registers), memory_(memory) {}
  [[nodiscard]] Result<void> set_up_queues();
  void poll_control();
  void handle_control(std::span<const std::byte> message);
  void send_control(uint32_t port, uint16_t event, uint16_t value);
  void add_port(uint32_t number);
  void give_control_buffer(uint16_t id);
  void flush(Virtqueue& queue, uint32_t index);
  void check(const Virtqueue& queue);
  void set_broken();

  VirtioMmio transport_;
  DmaMemory& memory_;
  std::optional<Virtqueue> control_receive_;
  std::optional<Virtqueue> control_transmit_;
  DmaRegion control_buffers_;
  std::array<std::unique_ptr<SerialPort>, kMaxPorts> ports_{};
  bool broken_ = false;
};

}  // namespace nacre::dev
