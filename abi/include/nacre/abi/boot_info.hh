// What the loader hands to the kernel. Written by boot/loader, read by kernel/init and kernel/mm; both are built
// together, the version guards against a stale image.
//
// Every hart that the loader could start enters the kernel at the same address: a0 = virtual address of the BootInfo (in the
// direct map), a1 = its index in `cpus`, sp = top of its boot stack, tp = its TLS block, translation on, interrupts off, gp
// undefined. Index 0 is the hart that firmware started; the others may come before or after it. Virtual memory then holds
//   - the direct map: every region below except Firmware, read-write (the image's text and constants read-only), at
//     physical + direct_map_offset; the registers of the devices in the device tree's /soc likewise;
//   - the kernel image at kernel_virtual, each segment with its own rights, RELRO already read-only;
//   - boot stack, emergency stack and TLS block of every hart.
// Each of these lies at a random place of the upper half, between unmapped guards; its last kFreeTop bytes are free. The lower
// half is empty. How large stacks are, and what else a kernel may ask for, stands in its BootRequest (boot_request.hh).
#pragma once

#include <cstddef>
#include <cstdint>

namespace nacre::abi {

enum class MemoryKind : uint32_t {
  Usable,      // free
  Kernel,      // image, line table, boot stack, TLS, first page tables, this structure: never freed
  Loader,      // free as soon as every hart has entered the kernel
  Firmware,    // reserved by firmware; not in the direct map
  Initrd,      // free once unpacked
  DeviceTree,  // the blob; free once nobody reads it any more
};

// Page-aligned; sorted by base, disjoint.
struct MemoryRegion {
  uint64_t base;  // physical
  uint64_t size;  // bytes, not 0
  MemoryKind kind;
  uint32_t reserved;
};
static_assert(sizeof(MemoryRegion) == 24);

// [begin, begin + size); empty if size is 0.
struct Range {
  uint64_t begin;
  uint64_t size;
};

// A hart of the machine. Its index in BootInfo::cpus is the kernel's number for it, once the kernel has taken those out
// that did not come.
struct BootCpu {
  uint64_t hart_id;
  Range boot_stack;       // virtual
  Range emergency_stack;  // virtual; for traps on an overflown stack
  Range tls;              // virtual; tp = tls.begin
};
static_assert(sizeof(BootCpu) == 56);

struct BootInfo {
  static constexpr uint64_t kMagic = 0x746f6f42'6572636e;  // "ncreBoot"
  static constexpr uint32_t kVersion = 4;
  static constexpr size_t kMaxRegions = 64;
  static constexpr size_t kMaxCpus = 64;
  static constexpr size_t kMaxSeed = 64;
  static constexpr uint64_t kFreeTop = 2 << 20;

  uint64_t magic;
  uint32_t version;
  uint32_t size;  // sizeof(BootInfo)

  uint64_t direct_map_offset;  // virtual = physical + offset
  uint64_t root_table;         // physical address of the root page table
  uint32_t paging_mode;        // as in satp.MODE: 8 = Sv39, 9 = Sv48, 10 = Sv57
  uint32_t region_count;

  uint64_t kernel_virtual;  // of the image's first byte
  uint64_t kernel_slide;    // kernel_virtual - link address
  Range kernel_physical;    // image

  Range lines;      // physical: the table for backtraces (base/elf/line_table.hh)
  Range arguments;  // physical: the boot arguments (base/fdt/boot_arguments.hh)

  Range loader;       // physical
  Range device_tree;  // physical
  Range initrd;       // physical; exact bytes, empty if none

  uint64_t boot_ticks;  // `time` when the loader was entered
  uint64_t seed_size;
  uint8_t seed
      [kMaxSeed];  // random bytes made of firmware's, which are wiped; none if firmware has none

  MemoryRegion regions[kMaxRegions];

  // Harts that firmware agreed to start, densely numbered. `cpu_count` is written last, by CPU 0 before it enters the
  // kernel; each other CPU reads its own entry only until CPU 0 says go.
  uint64_t cpu_count;
  BootCpu cpus[kMaxCpus];
};
static_assert(offsetof(BootInfo, direct_map_offset) == 16);
static_assert(offsetof(BootInfo, regions) % 8 == 0);

}  // namespace nacre::abi
