// What a driver needs of the machine: registers and memory that a device reads and writes. In the
// kernel both come from kernel/arch and kernel/mm; in host tests from a device made of code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "nacre/base/core/address.hh"
#include "nacre/base/core/error.hh"

namespace nacre::dev {

// A device's registers. Offsets are from the start of the device's range and aligned to 4.
class RegisterWindow {
 public:
  virtual ~RegisterWindow() = default;
  [[nodiscard]] virtual uint32_t read32(uint64_t offset) noexcept = 0;
  // Everything written to memory before is visible to the device when it sees this write.
  virtual void write32(uint64_t offset, uint32_t value) noexcept = 0;
};

// The same for a device whose registers are single bytes.
class ByteRegisters {
 public:
  virtual ~ByteRegisters() = default;
  [[nodiscard]] virtual uint8_t read8(uint64_t offset) noexcept = 0;
  virtual void write8(uint64_t offset, uint8_t value) noexcept = 0;
};

// Physically contiguous memory, zero at first, page-aligned.
struct DmaRegion {
  std::span<std::byte> bytes;
  PhysAddr start;

  [[nodiscard]] DmaRegion part(uint64_t offset, uint64_t size) const {
    return {bytes.subspan(offset, size), start + ByteSize(offset)};
  }
};

// Where drivers get such memory from. It is theirs for good: a device may keep on writing to what
// it was once given.
class DmaMemory {
 public:
  virtual ~DmaMemory() = default;
  [[nodiscard]] virtual Result<DmaRegion> allocate(ByteSize size) = 0;
};

}  // namespace nacre::dev
