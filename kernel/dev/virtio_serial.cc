#include "nacre/kernel/dev/virtio_serial.hh"

#include <algorithm>
#include <cstring>

#include "nacre/base/core/format.hh"

namespace nacre::dev {
namespace {

constexpr uint64_t kFeatureMultiport = uint64_t{1} << 1;  // VIRTIO_CONSOLE_F_MULTIPORT
constexpr uint64_t kConfigMaxPorts = 4;                   // virtio_console_config.max_nr_ports

// Queue numbers (5.3.2): 0 and 1 belong to port 0, 2 and 3 to control, then two for each further
// port.
constexpr uint32_t kControlReceive = 2;
constexpr uint32_t kControlTransmit = 3;

// Control events (5.3.6.2).
enum Event : uint16_t {
  kDeviceReady = 0,
  kPortAdd = 1,
  kPortRemove = 2,
  kPortReady = 3,
  kPortOpen = 6,
  kPortName = 7,
};

constexpr uint32_t kControlReceiveBytes = 256;
constexpr uint32_t kControlTransmitBytes = 16;
constexpr uint64_t kControlReceiveTotal = uint64_t{Virtqueue::kEntries} * kControlReceiveBytes;

constexpr int kPollsForPort = 100000;

}  // namespace

struct VirtioSerial::ControlMessage {
  uint32_t port;
  uint16_t event;
  uint16_t value;
};

// ---- ports

SerialPort::SerialPort(VirtioSerial& driver, uint32_t number, DmaRegion queues)
    : driver_(driver),
      number_(number),
      receive_(queues.part(0, Virtqueue::kMemoryBytes)),
      transmit_(queues.part(Virtqueue::kMemoryBytes, Virtqueue::kMemoryBytes)) {}

uint32_t SerialPort::receive_index() const {
  return number_ == 0 ? 0 : 2 * number_ + 2;
}

DmaRegion SerialPort::receive_buffer(uint16_t id) const {
  return buffers_.part(uint64_t{id} * kReceiveBytes, kReceiveBytes);
}

DmaRegion SerialPort::transmit_buffer(uint16_t id) const {
  const uint64_t base = uint64_t{kReceiveBuffers} * kReceiveBytes;
  return buffers_.part(base + uint64_t{id} * kTransmitBytes, kTransmitBytes);
}

Result<void> SerialPort::add(DmaMemory& memory) {
  TRY_ASSIGN(buffers_, memory.allocate(ByteSize(kBufferBytes)));
  for (uint16_t id = 0; id < kReceiveBuffers; ++id) give_receive_buffer(id);
  return {};
}

void SerialPort::give_receive_buffer(uint16_t id) {
  receive_.submit(id, receive_buffer(id).start, kReceiveBytes, Virtqueue::Direction::FromDevice);
}

size_t SerialPort::read_some(std::span<std::byte> out) {
  size_t total = 0;
  bool returned = false;
  while (total < out.size() && received_count_ != 0) {
    const Received& oldest = received_[received_first_];
    const size_t count = std::min<size_t>(out.size() - total, oldest.length - read_offset_);
    const auto source = receive_buffer(oldest.id).bytes.subspan(read_offset_, count);
    std::copy(source.begin(), source.end(), out.begin() + static_cast<std::ptrdiff_t>(total));
    total += count;
    read_offset_ += static_cast<uint32_t>(count);
    if (read_offset_ == oldest.length) {
      give_receive_buffer(oldest.id);
      returned = true;
      received_first_ = (received_first_ + 1) % kReceiveBuffers;
      --received_count_;
      read_offset_ = 0;
    }
  }
  if (returned) driver_.flush(receive_, receive_index());
  return total;
}

size_t SerialPort::write_some(std::span<const std::byte> bytes) {
  size_t total = 0;
  while (total < bytes.size() && !driver_.broken_ && !buffers_.bytes.empty()) {
    auto id = transmit_.free_id(kTransmitBuffers);
    if (!id) break;
    const size_t count = std::min<size_t>(bytes.size() - total, kTransmitBytes);
    const DmaRegion buffer = transmit_buffer(*id);
    std::memcpy(buffer.bytes.data(), bytes.data() + total, count);
    transmit_.submit(*id, buffer.start, static_cast<uint32_t>(count),
                     Virtqueue::Direction::ToDevice);
    driver_.flush(transmit_, transmit_index());
    total += count;
    // QEMU often takes the buffer while it is told about it.
    while (transmit_.pop_used()) {
    }
    driver_.check(transmit_);
  }
  return total;
}

bool SerialPort::has_room(size_t bytes) const {
  return bytes <= kTransmitBytes && !driver_.broken_ && !buffers_.bytes.empty() &&
         transmit_.free_id(kTransmitBuffers).has_value();
}

bool SerialPort::write_polling(std::span<const std::byte> bytes) {
  while (!bytes.empty() && !driver_.broken_) {
    const size_t count = write_some(bytes);
    bytes = bytes.subspan(count);
    if (count == 0) driver_.poll();
  }
  while (!is_drained() && !driver_.broken_) driver_.poll();
  return !driver_.broken_;
}

void SerialPort::poll() {
  bool input = false;
  while (const auto used = receive_.pop_used()) {
    if (used->length == 0) {
      give_receive_buffer(used->id);
      continue;
    }
    ASSERT(received_count_ < kReceiveBuffers);
    received_[(received_first_ + received_count_) % kReceiveBuffers] = {used->id, used->length};
    ++received_count_;
    input = true;
  }
  bool space = false;
  while (transmit_.pop_used()) space = true;
  driver_.check(receive_);
  driver_.check(transmit_);
  if (listener_ == nullptr) return;
  if (input) listener_->on_input();
  if (space) listener_->on_output_space();
}

// ---- the device

Result<std::unique_ptr<VirtioSerial>> VirtioSerial::create(RegisterWindow& registers,
                                                           DmaMemory& memory) {
  std::unique_ptr<VirtioSerial> driver(new VirtioSerial(registers, memory));
  TRY(driver->transport_.negotiate(VirtioMmio::kFeatureVersion1 | kFeatureMultiport));
  TRY(driver->set_up_queues());
  driver->transport_.start();
  for (uint16_t id = 0; id < Virtqueue::kEntries; ++id) driver->give_control_buffer(id);
  driver->flush(*driver->control_receive_, kControlReceive);
  driver->send_control(0, kDeviceReady, 1);
  driver->poll();
  return driver;
}

Result<void> VirtioSerial::set_up_queues() {
  const uint32_t ports = std::min(transport_.read_config(kConfigMaxPorts), kMaxPorts);
  if (ports == 0) return fail(ErrorCode::Malformed, "virtio-serial device with room for no port");
  TRY_ASSIGN(const DmaRegion queues,
             memory_.allocate(ByteSize((2 + 2 * uint64_t{ports}) * Virtqueue::kMemoryBytes)));
  TRY_ASSIGN(control_buffers_,
             memory_.allocate(ByteSize(kControlReceiveTotal +
                                       uint64_t{Virtqueue::kEntries} * kControlTransmitBytes)));
  control_receive_.emplace(queues.part(0, Virtqueue::kMemoryBytes));
  control_transmit_.emplace(queues.part(Virtqueue::kMemoryBytes, Virtqueue::kMemoryBytes));
  TRY(transport_.configure_queue(kControlReceive, *control_receive_));
  TRY(transport_.configure_queue(kControlTransmit, *control_transmit_));
  for (uint32_t number = 0; number < ports; ++number) {
    const DmaRegion memory = queues.part((2 + 2 * uint64_t{number}) * Virtqueue::kMemoryBytes,
                                         2 * Virtqueue::kMemoryBytes);
    ports_[number].reset(new SerialPort(*this, number, memory));
    const SerialPort& port = *ports_[number];
    TRY(transport_.configure_queue(port.receive_index(), port.receive_));
    TRY(transport_.configure_queue(port.transmit_index(), port.transmit_));
  }
  return {};
}

void VirtioSerial::poll() {
  if (broken_) return;
  poll_control();
  for (const auto& port : ports_) {
    if (port != nullptr && !port->buffers_.bytes.empty()) port->poll();
  }
}

bool VirtioSerial::on_interrupt() {
  if (!transport_.acknowledge_interrupt()) return false;
  poll();
  return true;
}

SerialPort* VirtioSerial::find(std::string_view name) {
  for (const auto& port : ports_) {
    if (port != nullptr && !name.empty() && port->name_ == name) return port.get();
  }
  return nullptr;
}

Result<SerialPort*> VirtioSerial::wait_for(std::string_view name) {
  for (int polls = 0; polls < kPollsForPort; ++polls) {
    poll();
    if (broken_) return fail(ErrorCode::Io, "the virtio-serial device broke the protocol");
    if (SerialPort* port = find(name); port != nullptr && port->connected_) return port;
  }
  return fail(ErrorCode::NotFound, format("the host offers no port '{}'", name));
}

void VirtioSerial::poll_control() {
  while (const auto used = control_receive_->pop_used()) {
    const auto buffer =
        control_buffers_.bytes.subspan(uint64_t{used->id} * kControlReceiveBytes, used->length);
    handle_control(buffer);
    give_control_buffer(used->id);
    flush(*control_receive_, kControlReceive);
  }
  while (control_transmit_->pop_used()) {
  }
  check(*control_receive_);
  check(*control_transmit_);
}

void VirtioSerial::handle_control(std::span<const std::byte> bytes) {
  ControlMessage message{};
  if (bytes.size() < sizeof(message)) return set_broken();
  std::memcpy(&message, bytes.data(), sizeof(message));
  // A port that we have no queues for is none of our business.
  if (message.port >= kMaxPorts || ports_[message.port] == nullptr) return;
  SerialPort& port = *ports_[message.port];
  const auto text = bytes.subspan(sizeof(message));
  switch (message.event) {
    case kPortAdd:
      if (port.buffers_.bytes.empty()) add_port(message.port);
      return;
    case kPortRemove:
      port.connected_ = false;
      return;
    case kPortOpen:
      port.connected_ = message.value != 0;
      return;
    case kPortName: {
      if (!port.name_.empty() || port.buffers_.bytes.empty()) return;
      // The name may or may not come with a NUL at its end.
      for (const std::byte c : text.first(std::min(text.size(), SerialPort::kMaxName))) {
        if (c == std::byte{0}) break;
        port.name_ += static_cast<char>(c);
      }
      return;
    }
    default:
      return;  // resize, console: nothing to us
  }
}

void VirtioSerial::add_port(uint32_t number) {
  SerialPort& port = *ports_[number];
  // Without memory the port stays absent: whoever asks for it by name is told that it is not there.
  const auto added = port.add(memory_);
  send_control(number, kPortReady, added ? 1 : 0);
  if (!added) return;
  send_control(number, kPortOpen, 1);
  // Only now: QEMU looks for input again when it is told about buffers, not when the port is opened.
  flush(port.receive_, port.receive_index());
}

void VirtioSerial::send_control(uint32_t port, uint16_t event, uint16_t value) {
  while (control_transmit_->pop_used()) {
  }
  const auto id = control_transmit_->free_id(Virtqueue::kEntries);
  // We send two messages a port and one more: a device that has not taken the first 16 never will.
  if (!id) return set_broken();
  const DmaRegion buffer = control_buffers_.part(
      kControlReceiveTotal + uint64_t{*id} * kControlTransmitBytes, kControlTransmitBytes);
  const ControlMessage message{port, event, value};
  std::memcpy(buffer.bytes.data(), &message, sizeof(message));
  control_transmit_->submit(*id, buffer.start, sizeof(message), Virtqueue::Direction::ToDevice);
  flush(*control_transmit_, kControlTransmit);
}

void VirtioSerial::give_control_buffer(uint16_t id) {
  const DmaRegion buffer =
      control_buffers_.part(uint64_t{id} * kControlReceiveBytes, kControlReceiveBytes);
  control_receive_->submit(id, buffer.start, kControlReceiveBytes,
                           Virtqueue::Direction::FromDevice);
}

void VirtioSerial::flush(Virtqueue& queue, uint32_t index) {
  if (!broken_ && queue.needs_notification()) transport_.notify(index);
}

void VirtioSerial::check(const Virtqueue& queue) {
  if (queue.is_broken()) set_broken();
}

void VirtioSerial::set_broken() {
  if (!broken_) transport_.set_failed();
  broken_ = true;
}

}  // namespace nacre::dev
