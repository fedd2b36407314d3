// How drivers reach their devices in the kernel: registers through a mapping beside the direct map, and memory for
// DMA from the frame allocator.
#pragma once

#include <cstdint>

#include "nacre/base/core/address.hh"
#include "nacre/base/core/error.hh"
#include "nacre/base/fdt/tree.hh"
#include "nacre/base/paging/format.hh"
#include "nacre/kernel/arch/mmio.hh"
#include "nacre/kernel/dev/access.hh"
#include "nacre/kernel/mm/frame_allocator.hh"

namespace nacre::machine {

// Makes device registers reachable in the kernel's half, at their physical address plus the direct map's offset. Every root table
// made later shares the mapping; existing ones may not, so this happens before the first domain.
class DeviceMapper {
 public:
  DeviceMapper(mm::FrameAllocator& frames, paging::Mode mode, PhysAddr kernel_root)
      : frames_(frames), mode_(mode), root_(kernel_root) {}

  // Page-aligned outwards; what is mapped already stays as it is.
  [[nodiscard]] Result<arch::MmioRegion> map(PhysAddr start, ByteSize size);
  // The device's first "reg".
  [[nodiscard]] Result<arch::MmioRegion> map_registers(const fdt::Node& device);

 private:
  mm::FrameAllocator& frames_;
  paging::Mode mode_;
  PhysAddr root_;
};

class MappedRegisters final : public dev::RegisterWindow {
 public:
  explicit MappedRegisters(arch::MmioRegion region) : region_(region) {}
  [[nodiscard]] uint32_t read32(uint64_t offset) noexcept override {
    return region_.read<uint32_t>(offset);
  }
  void write32(uint64_t offset, uint32_t value) noexcept override { region_.write(offset, value); }

 private:
  arch::MmioRegion region_;
};

class MappedBytes final : public dev::ByteRegisters {
 public:
  explicit MappedBytes(arch::MmioRegion region) : region_(region) {}
  [[nodiscard]] uint8_t read8(uint64_t offset) noexcept override {
    return region_.read<uint8_t>(offset);
  }
  void write8(uint64_t offset, uint8_t value) noexcept override {
    region_.write<uint8_t>(offset, value);
  }

 private:
  arch::MmioRegion region_;
};

class FrameDmaMemory final : public dev::DmaMemory {
 public:
  explicit FrameDmaMemory(mm::FrameAllocator& frames) : frames_(frames) {}
  [[nodiscard]] Result<dev::DmaRegion> allocate(ByteSize size) override;

 private:
  mm::FrameAllocator& frames_;
};

}  // namespace nacre::machine
