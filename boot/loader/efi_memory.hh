// UEFI's memory map (UEFI 2.10, 7.2.3), and what of it may be used once boot services are over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "memory_map.hh"

namespace nacre::loader::efi {

// EFI_MEMORY_TYPE, as far as it matters here.
enum class MemoryType : uint32_t {
  LoaderCode = 1,
  LoaderData = 2,
  BootServicesCode = 3,
  BootServicesData = 4,
  RuntimeServicesCode = 5,
  RuntimeServicesData = 6,
  Conventional = 7,
  AcpiReclaim = 9,
};

// EFI_MEMORY_DESCRIPTOR.
struct MemoryDescriptor {
  MemoryType type;
  uint32_t padding;
  uint64_t physical;  // page-aligned
  uint64_t virtual_address;
  uint64_t pages;  // of 4 KiB
  uint64_t attributes;
};
static_assert(sizeof(MemoryDescriptor) == 40);

// The map as firmware wrote it: descriptors that may be longer than those we know.
class MemoryMapView {
 public:
  MemoryMapView() = default;
  MemoryMapView(std::span<const std::byte> bytes, size_t stride) : bytes_(bytes), stride_(stride) {}

  [[nodiscard]] size_t size() const {
    return stride_ < sizeof(MemoryDescriptor) ? 0 : bytes_.size() / stride_;
  }
  [[nodiscard]] MemoryDescriptor operator[](size_t index) const {
    MemoryDescriptor descriptor;
    std::memcpy(&descriptor, bytes_.subspan(index * stride_).data(), sizeof descriptor);
    return descriptor;
  }

 private:
  std::span<const std::byte> bytes_;
  size_t stride_ = 0;
};

// Whether memory of this type is anyone's when boot services have been left.
[[nodiscard]] bool is_free_after_exit(MemoryType type);

// The memory that UEFI leaves to us, less what the device tree reserves. What UEFI keeps is no memory at all here: nobody may
// map or use it.
[[nodiscard]] PaintStatus describe_memory(const MemoryMapView& memory, const fdt::Tree& tree,
                                          MemoryMap& map);

}  // namespace nacre::loader::efi
