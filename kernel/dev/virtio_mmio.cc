#include "nacre/kernel/dev/virtio_mmio.hh"

#include "nacre/base/core/format.hh"

namespace nacre::dev {
namespace {

constexpr uint32_t kMagicValue = 0x74726976;  // "virt"
constexpr uint32_t kModernVersion = 2;

// Device status bits (virtio 1.2, 2.1).
constexpr uint32_t kAcknowledge = 1;
constexpr uint32_t kDriver = 2;
constexpr uint32_t kDriverOk = 4;
constexpr uint32_t kFeaturesOk = 8;
constexpr uint32_t kFailed = 128;

}  // namespace

Result<VirtioDeviceId> VirtioMmio::probe() {
  const uint32_t magic = registers_.read32(kMagic);
  if (magic != kMagicValue) {
    return fail(ErrorCode::Malformed, format("no virtio device: magic value 0x{:x}", magic));
  }
  const auto id = static_cast<VirtioDeviceId>(registers_.read32(kDeviceId));
  if (id == VirtioDeviceId::None) return id;
  const uint32_t version = registers_.read32(kVersion);
  if (version != kModernVersion) {
    return fail(ErrorCode::Unsupported,
                format("virtio device {} speaks version {}, not 2", id, version));
  }
  return id;
}

Result<void> VirtioMmio::negotiate(uint64_t features) {
  ASSERT((features & kFeatureVersion1) != 0);
  registers_.write32(kStatus, 0);
  // The reset is done when the status reads 0 (4.2.2.2); QEMU's is done at once.
  for (int tries = 0; registers_.read32(kStatus) != 0; ++tries) {
    if (tries == 1000) return fail(ErrorCode::Io, "virtio device does not reset");
  }
  add_status(kAcknowledge);
  add_status(kDriver);
  registers_.write32(kDeviceFeaturesSelect, 0);
  uint64_t offered = registers_.read32(kDeviceFeatures);
  registers_.write32(kDeviceFeaturesSelect, 1);
  offered |= uint64_t{registers_.read32(kDeviceFeatures)} << 32;
  if ((features & ~offered) != 0) {
    return fail(ErrorCode::Unsupported,
                format("virtio device offers features 0x{:x}, not 0x{:x}", offered, features));
  }
  registers_.write32(kDriverFeaturesSelect, 0);
  registers_.write32(kDriverFeatures, static_cast<uint32_t>(features));
  registers_.write32(kDriverFeaturesSelect, 1);
  registers_.write32(kDriverFeatures, static_cast<uint32_t>(features >> 32));
  add_status(kFeaturesOk);
  if ((registers_.read32(kStatus) & kFeaturesOk) == 0) {
    return fail(ErrorCode::Unsupported, "virtio device refuses the features it offered");
  }
  return {};
}

Result<void> VirtioMmio::configure_queue(uint32_t index, const Virtqueue& queue) {
  registers_.write32(kQueueSelect, index);
  const uint32_t largest = registers_.read32(kQueueSizeMax);
  if (largest < Virtqueue::kEntries) {
    return fail(ErrorCode::Unsupported, format("queue {} has room for {} entries, {} are needed",
                                               index, largest, Virtqueue::kEntries));
  }
  registers_.write32(kQueueSize, Virtqueue::kEntries);
  write_address(kQueueDescriptors, queue.descriptors());
  write_address(kQueueDriver, queue.driver_area());
  write_address(kQueueDevice, queue.device_area());
  registers_.write32(kQueueReady, 1);
  return {};
}

void VirtioMmio::start() {
  add_status(kDriverOk);
}

void VirtioMmio::set_failed() {
  add_status(kFailed);
}

bool VirtioMmio::acknowledge_interrupt() {
  const uint32_t raised = registers_.read32(kInterruptStatus);
  if (raised == 0) return false;
  registers_.write32(kInterruptAcknowledge, raised);
  return true;
}

void VirtioMmio::add_status(uint32_t bit) {
  registers_.write32(kStatus, registers_.read32(kStatus) | bit);
}

void VirtioMmio::write_address(uint64_t offset, PhysAddr address) {
  registers_.write32(offset, static_cast<uint32_t>(address.value()));
  registers_.write32(offset + 4, static_cast<uint32_t>(address.value() >> 32));
}

}  // namespace nacre::dev
