// A split virtqueue (virtio 1.2, 2.7) of 16 entries, one descriptor a buffer: descriptor n always
// describes the caller's buffer n, so there are no chains and no free list, and what a device
// returns is checked by one bit.
//
// The device is not trusted with memory: an id that is not outstanding, or a length above the
// buffer's, marks the queue broken, and a broken queue yields nothing more. Nothing the device
// writes is used before it was read once and checked.
//
// States of a buffer: with the driver → submit() → with the device → pop_used() → with the driver.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "nacre/kernel/dev/access.hh"

namespace nacre::dev {

class Virtqueue {
 public:
  static constexpr uint16_t kEntries = 16;
  static constexpr uint64_t kMemoryBytes = 512;  // of a queue; its start is aligned to that

  enum class Direction : uint16_t { ToDevice = 0, FromDevice = 2 /* VIRTQ_DESC_F_WRITE */ };

  struct Used {
    uint16_t id;
    uint32_t length;  // bytes the device wrote; at most the buffer's size
  };

  // `memory` has kMemoryBytes and outlives the queue.
  explicit Virtqueue(DmaRegion memory);

  // For the transport.
  [[nodiscard]] PhysAddr descriptors() const { return start_; }
  [[nodiscard]] PhysAddr driver_area() const;
  [[nodiscard]] PhysAddr device_area() const;

  // Gives buffer `id` to the device; it must be with the driver.
  void submit(uint16_t id, PhysAddr address, uint32_t length, Direction direction);
  // After one or more submits: whether the device wants to be told.
  [[nodiscard]] bool needs_notification() const;

  // The next buffer that the device has finished with.
  [[nodiscard]] std::optional<Used> pop_used();

  [[nodiscard]] bool is_outstanding(uint16_t id) const { return (outstanding_ >> id & 1) != 0; }
  [[nodiscard]] bool is_idle() const { return outstanding_ == 0; }
  // A buffer that is with the driver.
  [[nodiscard]] std::optional<uint16_t> free_id(uint16_t below) const;
  // The device broke the rules; see above.
  [[nodiscard]] bool is_broken() const { return broken_; }

 private:
  // virtio 1.2, 2.7.5
  struct Descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags;
    uint16_t next;
  };
  // 2.7.6. `index` is released by us and acquired by the device.
  struct Available {
    uint16_t flags;
    std::atomic<uint16_t> index;
    std::array<uint16_t, kEntries> ring;
  };
  // 2.7.8. `index` is released by the device and acquired in pop_used().
  struct UsedElement {
    uint32_t id;
    uint32_t length;
  };
  struct UsedRing {
    std::atomic<uint16_t> flags;  // bit 0: do not notify
    std::atomic<uint16_t> index;
    std::array<UsedElement, kEntries> ring;
  };
  struct Memory {
    std::array<Descriptor, kEntries> descriptors{};
    Available available{};
    alignas(4) UsedRing used{};
  };
  static_assert(sizeof(Descriptor) == 16 && sizeof(UsedElement) == 8);
  static_assert(sizeof(Available) == 4 + 2 * kEntries && sizeof(UsedRing) == 4 + 8 * kEntries);
  static_assert(sizeof(Memory) <= kMemoryBytes);

  Memory* memory_;
  PhysAddr start_;
  std::array<uint32_t, kEntries>
      lengths_{};             // what we said; the descriptor may have been overwritten
  uint32_t outstanding_ = 0;  // bit n: buffer n is with the device
  uint16_t next_available_ = 0;
  uint16_t next_used_ = 0;
  uint32_t writable_ = 0;  // bit n: buffer n was submitted FromDevice
  bool broken_ = false;
};

}  // namespace nacre::dev
