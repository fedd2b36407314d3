#include "efi_memory.hh"

#include <algorithm>

#include "nacre/base/core/address.hh"

namespace nacre::loader::efi {
namespace {

uint64_t size_of(const MemoryDescriptor& descriptor) {
  return std::min(descriptor.pages, ~uint64_t{0} / kPageSize) * kPageSize;
}

}  // namespace

bool is_free_after_exit(MemoryType type) {
  switch (type) {
    case MemoryType::LoaderCode:
    case MemoryType::LoaderData:
    case MemoryType::BootServicesCode:
    case MemoryType::BootServicesData:
    case MemoryType::Conventional:
      return true;
    default:
      return false;
  }
}

PaintStatus describe_memory(const MemoryMapView& memory, const fdt::Tree& tree, MemoryMap& map) {
  for (size_t i = 0; i < memory.size(); ++i) {
    const MemoryDescriptor descriptor = memory[i];
    if (!is_free_after_exit(descriptor.type)) continue;
    if (map.add_memory(descriptor.physical, size_of(descriptor)) != PaintStatus::Done) {
      return PaintStatus::TooManyRegions;
    }
  }
  // Descriptors should not overlap. Where they do, the one that forbids counts.
  for (size_t i = 0; i < memory.size(); ++i) {
    const MemoryDescriptor descriptor = memory[i];
    if (is_free_after_exit(descriptor.type)) continue;
    if (map.paint(descriptor.physical, size_of(descriptor), abi::MemoryKind::Firmware) !=
        PaintStatus::Done) {
      return PaintStatus::TooManyRegions;
    }
  }
  return paint_reservations(tree, map);
}

}  // namespace nacre::loader::efi
