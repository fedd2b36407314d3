// A virtio-serial device made of code, for tests: it reads and writes rings and buffers through physical addresses as QEMU
// does, and can be told to misbehave.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "nacre/kernel/dev/access.hh"

namespace nacre::dev {

// Physical memory that starts at kBase.
class FakeMemory final : public DmaMemory {
 public:
  static constexpr uint64_t kBase = 0x8000'0000;

  explicit FakeMemory(size_t pages)
      : storage_(std::make_unique<Page[]>(pages)), size_(pages * kPageSize) {}

  Result<DmaRegion> allocate(ByteSize size) override {
    const uint64_t bytes = size.pages_up() * kPageSize;
    if (bytes > size_ - used_) return fail(ErrorCode::OutOfMemory, "no memory left");
    const DmaRegion region{std::span(storage_[0].bytes + used_, bytes), PhysAddr(kBase + used_)};
    used_ += bytes;
    return region;
  }

  // What a device sees; a wrong address is a test failure.
  std::byte* at(uint64_t address, uint64_t size) {
    ASSERT(address >= kBase && address - kBase <= used_ && size <= used_ - (address - kBase));
    return storage_[0].bytes + (address - kBase);
  }
  template <class T>
  T load(uint64_t address) {
    T value;
    std::memcpy(&value, at(address, sizeof(T)), sizeof(T));
    return value;
  }
  template <class T>
  void store(uint64_t address, T value) {
    std::memcpy(at(address, sizeof(T)), &value, sizeof(T));
  }

 private:
  struct alignas(kPageSize) Page {
    std::byte bytes[kPageSize];
  };
  std::unique_ptr<Page[]> storage_;
  uint64_t size_;
  uint64_t used_ = 0;
};

class FakeSerialDevice final : public RegisterWindow {
 public:
  FakeSerialDevice(FakeMemory& memory, std::vector<std::string> names)
      : memory_(memory), names_(std::move(names)) {}

  // ---- what a test does at the host's side
  void send_to_guest(uint32_t port, std::string_view bytes) {
    to_guest_[port] += bytes;
    deliver(port);
  }
  std::string take_from_guest(uint32_t port) { return std::exchange(from_guest_[port], ""); }
  // While stalled, output stays in the queue.
  void stall(uint32_t port, bool on) {
    if (on) {
      stalled_.insert(port);
    } else {
      stalled_.erase(port);
      accept_output(port);
    }
  }
  void send_control(uint32_t port, uint16_t event, uint16_t value, std::string_view text = "") {
    std::string message(8, '\0');
    std::memcpy(message.data(), &port, 4);
    std::memcpy(message.data() + 4, &event, 2);
    std::memcpy(message.data() + 6, &value, 2);
    send_raw_control(message.append(text));
  }
  void send_raw_control(const std::string& message) {
    if (const auto buffer = pop(kControlReceive)) {
      const size_t count = std::min<size_t>(message.size(), buffer->length);
      std::memcpy(memory_.at(buffer->address, count), message.data(), count);
      push_used(kControlReceive, buffer->id, static_cast<uint32_t>(count));
    }
  }
  // Claims to have used an arbitrary entry.
  void push_used(uint32_t queue, uint32_t id, uint32_t length) {
    const Queue& q = queues_[queue];
    auto index = memory_.load<uint16_t>(q.device + 2);
    memory_.store<uint32_t>(q.device + 4 + 8 * (index % q.size), id);
    memory_.store<uint32_t>(q.device + 8 + 8 * (index % q.size), length);
    memory_.store<uint16_t>(q.device + 2, static_cast<uint16_t>(index + 1));
    interrupt_ = true;
  }
  static uint32_t receive_queue(uint32_t port) { return port == 0 ? 0 : 2 * port + 2; }

  uint32_t device_id = 3;
  uint32_t version = 2;
  uint64_t features = uint64_t{1} << 32 | 1 << 1;
  uint32_t max_ports = 5;
  uint32_t largest_queue = 128;
  uint32_t status = 0;
  uint32_t notifications = 0;

  // ---- registers
  uint32_t read32(uint64_t offset) noexcept override {
    switch (offset) {
      case 0x000:
        return 0x74726976;
      case 0x004:
        return version;
      case 0x008:
        return device_id;
      case 0x010:
        return static_cast<uint32_t>(features >> (32 * feature_word_));
      case 0x034:
        return largest_queue;
      case 0x060:
        return interrupt_ ? 1 : 0;
      case 0x070:
        return status;
      case 0x104:
        return max_ports;
      default:
        return 0;
    }
  }

  void write32(uint64_t offset, uint32_t value) noexcept override {
    Queue& queue = queues_[selected_];
    switch (offset) {
      case 0x014:
        feature_word_ = value;
        break;
      case 0x030:
        selected_ = value;
        break;
      case 0x038:
        queue.size = value;
        break;
      case 0x044:
        queue.ready = value != 0;
        break;
      case 0x050:
        ++notifications;
        notified(value);
        break;
      case 0x064:
        interrupt_ = false;
        break;
      case 0x070:
        status = value;
        break;
      case 0x080:
        queue.descriptors = value;
        break;
      case 0x090:
        queue.driver = value;
        break;
      case 0x0a0:
        queue.device = value;
        break;
      default:
        break;
    }
  }

 private:
  static constexpr uint32_t kControlReceive = 2;
  static constexpr uint32_t kControlTransmit = 3;

  struct Queue {
    uint64_t descriptors = 0;
    uint64_t driver = 0;
    uint64_t device = 0;
    uint32_t size = 0;
    uint16_t seen = 0;
    bool ready = false;
  };
  struct Buffer {
    uint16_t id;
    uint64_t address;
    uint32_t length;
  };

  std::optional<Buffer> pop(uint32_t index) {
    Queue& q = queues_[index];
    if (!q.ready || memory_.load<uint16_t>(q.driver + 2) == q.seen) return std::nullopt;
    const auto id = memory_.load<uint16_t>(q.driver + 4 + 2 * (q.seen % q.size));
    ++q.seen;
    const uint64_t descriptor = q.descriptors + 16 * uint64_t{id};
    return Buffer{id, memory_.load<uint64_t>(descriptor), memory_.load<uint32_t>(descriptor + 8)};
  }

  void notified(uint32_t index) {
    if (index == kControlTransmit) {
      while (const auto buffer = pop(index)) {
        handle_control(*buffer);
        push_used(index, buffer->id, 0);
      }
    } else if (index == kControlReceive) {
      return;
    } else if (index % 2 == 0) {
      deliver(index == 0 ? 0 : index / 2 - 1);
    } else {
      accept_output(index == 1 ? 0 : (index - 1) / 2 - 1);
    }
  }

  void handle_control(const Buffer& buffer) {
    const auto port = memory_.load<uint32_t>(buffer.address);
    const auto event = memory_.load<uint16_t>(buffer.address + 4);
    const auto value = memory_.load<uint16_t>(buffer.address + 6);
    if (event == 0 && value == 1) {
      for (uint32_t i = 0; i < names_.size(); ++i) send_control(i + 1, 1, 1);
    } else if (event == 3 && value == 1) {
      send_control(port, 7, 1, names_[port - 1]);
      send_control(port, 6, 1);
    } else if (event == 6) {
      open_.erase(port);
      if (value != 0) open_.insert(port);
    }
  }

  void deliver(uint32_t port) {
    std::string& pending = to_guest_[port];
    while (!pending.empty() && open_.contains(port)) {
      const auto buffer = pop(receive_queue(port));
      if (!buffer) return;
      const size_t count = std::min<size_t>(pending.size(), buffer->length);
      std::memcpy(memory_.at(buffer->address, count), pending.data(), count);
      pending.erase(0, count);
      push_used(receive_queue(port), buffer->id, static_cast<uint32_t>(count));
    }
  }

  void accept_output(uint32_t port) {
    if (stalled_.contains(port)) return;
    const uint32_t index = receive_queue(port) + 1;
    while (const auto buffer = pop(index)) {
      const void* bytes = memory_.at(buffer->address, buffer->length);
      from_guest_[port].append(static_cast<const char*>(bytes), buffer->length);
      push_used(index, buffer->id, 0);
    }
  }

  FakeMemory& memory_;
  std::vector<std::string> names_;
  std::map<uint32_t, Queue> queues_;
  std::map<uint32_t, std::string> to_guest_;
  std::map<uint32_t, std::string> from_guest_;
  std::set<uint32_t> open_;
  std::set<uint32_t> stalled_;
  uint32_t feature_word_ = 0;
  uint32_t selected_ = 0;
  bool interrupt_ = false;
};

}  // namespace nacre::dev
