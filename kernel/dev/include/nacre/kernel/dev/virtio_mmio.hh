// The memory-mapped virtio transport (virtio 1.2, 4.2), modern devices only (version 2).
//
// Order of calls, as 3.1.1 demands: probe, negotiate, configure_queue for each queue, start.
#pragma once

#include <cstdint>

#include "nacre/kernel/dev/access.hh"
#include "nacre/kernel/dev/virtqueue.hh"

namespace nacre::dev {

enum class VirtioDeviceId : uint32_t {  // virtio 1.2, 5
  None = 0,
  Network = 1,
  Block = 2,
  Console = 3,
  Entropy = 4,
};

class VirtioMmio {
 public:
  // `registers` outlives this.
  explicit VirtioMmio(RegisterWindow& registers) : registers_(registers) {}

  // What sits at this place; None for an empty slot. Malformed if it is no virtio register block,
  // Unsupported for a legacy device.
  [[nodiscard]] Result<VirtioDeviceId> probe();

  // Resets the device and agrees on exactly `features`. VIRTIO_F_VERSION_1 must be among them.
  // Unsupported if the device does not offer one.
  [[nodiscard]] Result<void> negotiate(uint64_t features);
  // Makes `queue` number `index` of the device. Unsupported if the device has no such queue or a
  // shorter one.
  [[nodiscard]] Result<void> configure_queue(uint32_t index, const Virtqueue& queue);
  void start();
  // Tells the device that we gave up on it.
  void set_failed();

  void notify(uint32_t queue) { registers_.write32(kQueueNotify, queue); }
  // Acknowledges what the device raised; false if it was not this device.
  bool acknowledge_interrupt();
  [[nodiscard]] uint32_t read_config(uint64_t offset) {
    return registers_.read32(kConfig + offset);
  }

  static constexpr uint64_t kFeatureVersion1 = uint64_t{1} << 32;
  static constexpr uint64_t kWindowBytes = 0x200;

 private:
  // Register offsets (4.2.2).
  static constexpr uint64_t kMagic = 0x000;
  static constexpr uint64_t kVersion = 0x004;
  static constexpr uint64_t kDeviceId = 0x008;
  static constexpr uint64_t kDeviceFeatures = 0x010;
  static constexpr uint64_t kDeviceFeaturesSelect = 0x014;
  static constexpr uint64_t kDriverFeatures = 0x020;
  static constexpr uint64_t kDriverFeaturesSelect = 0x024;
  static constexpr uint64_t kQueueSelect = 0x030;
  static constexpr uint64_t kQueueSizeMax = 0x034;
  static constexpr uint64_t kQueueSize = 0x038;
  static constexpr uint64_t kQueueReady = 0x044;
  static constexpr uint64_t kQueueNotify = 0x050;
  static constexpr uint64_t kInterruptStatus = 0x060;
  static constexpr uint64_t kInterruptAcknowledge = 0x064;
  static constexpr uint64_t kStatus = 0x070;
  static constexpr uint64_t kQueueDescriptors = 0x080;  // low, then high word
  static constexpr uint64_t kQueueDriver = 0x090;
  static constexpr uint64_t kQueueDevice = 0x0a0;
  static constexpr uint64_t kConfig = 0x100;

  void add_status(uint32_t bit);
  void write_address(uint64_t offset, PhysAddr address);

  RegisterWindow& registers_;
};

}  // namespace nacre::dev
