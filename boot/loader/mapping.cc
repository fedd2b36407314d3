#include "mapping.hh"

#include <cstring>

#include "kernel_layout.hh"
#include "machine.hh"

namespace nacre::loader {
namespace {

using abi::MemoryKind;
using paging::Access;

void check(Table::Status status, std::string_view what) {
  if (!status) stop("cannot map", what);
}

// Maps part of the image, both as linked, with one set of rights.
void map_part(Table& table, const elf::Image& image, const abi::BootInfo& info, uint64_t begin,
              uint64_t end, Access access) {
  if (begin == end) return;
  const uint64_t offset = begin - image.extent().address;
  const PhysAddr frame(info.kernel_physical.begin + offset);
  check(table.map(VirtAddr(info.kernel_virtual + offset), frame, ByteSize(end - begin),
                  {access, paging::Privilege::Supervisor, paging::Sharing::Global}),
        "the kernel");
  if (access == Access::ReadWrite) return;
  // The same pages in the direct map must not be a way to write what is read-only here.
  check(table.protect(VirtAddr(frame.value() + info.direct_map_offset), ByteSize(end - begin),
                      {Access::Read, paging::Privilege::Supervisor, paging::Sharing::Global}),
        "the kernel's constants");
}

// Fresh zeroed memory for a virtual range; returns where it lies.
std::span<std::byte> map_fresh(Table& table, Arena& arena, abi::Range range) {
  const std::span<std::byte> memory = arena.allocate(range.size);
  check(table.map(VirtAddr(range.begin), PhysAddr(address_of(memory.data())), ByteSize(range.size),
                  {Access::ReadWrite, paging::Privilege::Supervisor, paging::Sharing::Global}),
        "stack or TLS");
  return memory;
}

}  // namespace

// Neighbouring regions are mapped as one, so that large leaves fit.
void map_memory(Table& table, const MemoryMap& map, uint64_t offset) {
  const auto regions = map.regions();
  for (size_t i = 0; i < regions.size();) {
    if (regions[i].kind == MemoryKind::Firmware) {
      ++i;
      continue;
    }
    const uint64_t begin = regions[i].base;
    uint64_t end = begin;
    for (; i < regions.size() && regions[i].base == end && regions[i].kind != MemoryKind::Firmware;
         ++i) {
      end += regions[i].size;
    }
    check(table.map(VirtAddr(begin + offset), PhysAddr(begin), ByteSize(end - begin),
                    {Access::ReadWrite, paging::Privilege::Supervisor, paging::Sharing::Global}),
          "memory");
  }
}

void map_devices(Table& table, const fdt::Tree& tree, uint64_t offset) {
  constexpr uint64_t kLargest = 32 << 20;
  // Registers that the kernel maps later must be seen in roots that it copied before.
  constexpr uint64_t kRegistersEnd = uint64_t{4} << 30;
  check(table.prepare_upper(VirtAddr(offset), ByteSize(kRegistersEnd)), "devices");
  const auto soc = tree.find("/soc");
  for (auto node = soc ? soc->first_child() : std::nullopt; node; node = node->next_sibling()) {
    const auto region = node->region(0);
    if (!region || region->size > kLargest || region->size == 0) continue;
    // Behind the direct map's own addresses lie others'.
    if (region->address > kDirectMapSpan - region->size) continue;
    const uint64_t begin = region->address & ~(kPageSize - 1);
    const uint64_t size =
        (region->address + region->size - begin + kPageSize - 1) & ~(kPageSize - 1);
    const auto status =
        table.map(VirtAddr(begin + offset), PhysAddr(begin), ByteSize(size),
                  {Access::ReadWrite, paging::Privilege::Supervisor, paging::Sharing::Global});
    // Devices may share a page.
    if (!status && status.error() != paging::MapError::AlreadyMapped)
      stop("cannot map", node->name());
  }
}

void map_kernel(Table& table, const elf::Image& image, const abi::BootInfo& info) {
  constexpr auto page_of = [](uint64_t address) { return address & ~(kPageSize - 1); };
  const elf::AddressRange relro = image.relro();
  for (const elf::Segment& segment : image.segments()) {
    const uint64_t begin = page_of(segment.address);
    const uint64_t end = page_of(segment.address + segment.size + kPageSize - 1);
    if (!segment.writable) {
      map_part(table, image, info, begin, end,
               segment.executable ? Access::ReadExecute : Access::Read);
      continue;
    }
    // RELRO, whole pages of it, lies at the start of the writable segment.
    const bool has_relro = relro.size != 0 && page_of(relro.address) == begin;
    const uint64_t middle = has_relro ? page_of(relro.address + relro.size) : begin;
    map_part(table, image, info, begin, middle, Access::Read);
    map_part(table, image, info, middle, end, Access::ReadWrite);
  }
}

void map_cpu(Table& table, Arena& arena, const abi::BootCpu& cpu, std::span<const std::byte> tls) {
  map_fresh(table, arena, cpu.boot_stack);
  map_fresh(table, arena, cpu.emergency_stack);
  const std::span<std::byte> block = map_fresh(table, arena, cpu.tls);
  if (!tls.empty()) std::memcpy(block.data(), tls.data(), tls.size());
}

}  // namespace nacre::loader
