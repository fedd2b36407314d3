// The kernel's first page tables.
#pragma once

#include <cstddef>
#include <span>

#include "arena.hh"
#include "memory_map.hh"
#include "nacre/abi/boot_info.hh"
#include "nacre/base/elf/image.hh"
#include "nacre/base/fdt/tree.hh"
#include "nacre/base/paging/page_table.hh"

namespace nacre::loader {

using Table = paging::PageTable<Arena>;

// Everything but Firmware, read-write, at physical + offset.
void map_memory(Table& table, const MemoryMap& map, uint64_t offset);

// The registers of everything below /soc. PCI's windows are not registers and stay out by their size.
void map_devices(Table& table, const fdt::Tree& tree, uint64_t offset);

// The image, placed and relocated as `info` says, each segment with its rights, RELRO read-only; read-only pages are that
// in the direct map, too.
void map_kernel(Table& table, const elf::Image& image, const abi::BootInfo& info);

// Fresh memory for a CPU's stacks and TLS block; `tls` is the block's initial content, the rest is zero.
void map_cpu(Table& table, Arena& arena, const abi::BootCpu& cpu, std::span<const std::byte> tls);

}  // namespace nacre::loader
