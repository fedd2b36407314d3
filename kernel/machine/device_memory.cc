#include "nacre/kernel/machine/device_memory.hh"

#include "nacre/base/core/format.hh"
#include "nacre/base/paging/page_table.hh"
#include "nacre/kernel/arch/translation.hh"
#include "nacre/kernel/mm/kernel_tables.hh"

namespace nacre::machine {
namespace {

constexpr paging::Attributes kRegisters = {.access = paging::Access::ReadWrite,
                                           .privilege = paging::Privilege::Supervisor,
                                           .sharing = paging::Sharing::Global};

}  // namespace

Result<arch::MmioRegion> DeviceMapper::map(PhysAddr start, ByteSize size) {
  mm::KernelTables tables(frames_);
  paging::PageTable<mm::KernelTables> table(tables, mode_, root_);
  const uint64_t offset = frames_.direct_map().offset();
  const auto end = start.checked_add(size);
  if (!end) return fail(ErrorCode::InvalidArgument, format("registers at {} wrap around", start));
  PhysAddr page = start.align_down(kPageSize);
  while (page < *end) {
    const VirtAddr target(page.value() + offset);
    // The loader has mapped most devices, with large leaves; no page of them is looked at twice.
    if (const auto present = table.query(target)) {
      ASSERT(present->address == page);
      const uint64_t leaf = present->leaf_size.bytes();
      page = PhysAddr((page.value() & ~(leaf - 1)) + leaf);
      continue;
    }
    const auto mapped = table.map(target, page, ByteSize(kPageSize), kRegisters);
    if (!mapped) {
      return fail(ErrorCode::OutOfMemory, format("no page table for the registers at {}", page));
    }
    arch::flush_kernel_range(target, ByteSize(kPageSize));
    page = page + ByteSize(kPageSize);
  }
  return arch::MmioRegion(VirtAddr(start.value() + offset), size);
}

Result<arch::MmioRegion> DeviceMapper::map_registers(const fdt::Node& device) {
  const auto region = device.region(0);
  if (!region) return fail(ErrorCode::Malformed, format("{}: no \"reg\"", device.name()));
  return map(PhysAddr(region->address), ByteSize(region->size));
}

Result<dev::DmaRegion> FrameDmaMemory::allocate(ByteSize size) {
  const uint64_t pages = size.pages_up();
  const auto frame = frames_.allocate_run(pages);
  if (!frame) {
    return fail(ErrorCode::OutOfMemory, format("no {} contiguous pages for a device", pages));
  }
  auto* const bytes = frames_.direct_map().pointer<std::byte>(*frame);
  mm::zero_pages(bytes, pages);
  return dev::DmaRegion{.bytes = {bytes, ByteSize::pages(pages).bytes()}, .start = *frame};
}

}  // namespace nacre::machine
