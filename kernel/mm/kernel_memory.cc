#include "nacre/kernel/mm/kernel_memory.hh"

#include <array>
#include <new>
#include <optional>

#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/arch/translation.hh"

namespace nacre::mm {

namespace detail {
constinit FrameAllocator g_frames;
constinit Heap g_heap;
constinit thread_local HeapCache t_heap_cache;
}  // namespace detail

namespace {

using detail::g_frames;
using detail::g_heap;

// One CPU runs domains, so flushing here is flushing everywhere.
class LocalTlb final : public TlbControl {
 public:
  void flush_range(uint16_t asid, UserAddr start, ByteSize size) noexcept override {
    arch::flush_range(asid, start, size);
  }
  void flush_space(uint16_t asid) noexcept override { arch::flush_space(asid); }
  void synchronise_instructions() noexcept override { arch::synchronise_instructions(); }
};

class KernelRandom final : public RandomSource {
 public:
  explicit KernelRandom(const abi::BootInfo& info)
      : generator(std::span(info.seed, info.seed_size)) {
    // Without a seed from the firmware, the time is better than nothing.
    std::array<uint8_t, sizeof info.boot_ticks> ticks{};
    for (size_t i = 0; i < ticks.size(); ++i) {
      ticks[i] = static_cast<uint8_t>(info.boot_ticks >> 8 * i);
    }
    generator.mix(ticks);
  }
  uint64_t next() noexcept override { return generator.next(); }

  random::ChaChaRandom generator;
};

// Made by init_address_spaces and never destroyed.
struct AddressSpaces {
  LocalTlb tlb;
  KernelRandom random;
  AsidAllocator asids;
  Machine machine;

  AddressSpaces(const abi::BootInfo& info, unsigned asid_bits)
      : random(info),
        asids(asid_bits),
        machine{g_frames,
                tlb,
                asids,
                random,
                static_cast<paging::Mode>(info.paging_mode),
                PhysAddr(info.root_table)} {}
};
constinit AddressSpaces* g_spaces = nullptr;

uint32_t current_cpu() noexcept {
  return arch::this_cpu().id.value;
}

MemoryRange range_of(const abi::MemoryRegion& region) {
  return {PhysAddr(region.base), ByteSize(region.size)};
}

}  // namespace

void init_memory(const abi::BootInfo& info) {
  constinit static BootMemory memory;
  std::optional<MemoryRange> covered;
  for (const abi::MemoryRegion& region : std::span(info.regions, info.region_count)) {
    if (region.kind == abi::MemoryKind::Firmware) continue;
    const MemoryRange range = range_of(region);
    const PhysAddr start = covered ? covered->start : range.start;
    covered = {start, range.end() - start};
    if (region.kind == abi::MemoryKind::Usable) memory.add(range);
  }
  ASSERT(covered.has_value());
  g_frames.init(memory, *covered, DirectMap(info.direct_map_offset), &current_cpu);
  g_heap.init(g_frames);
  g_heap.attach(detail::t_heap_cache);
}

void init_cpu() {
  g_heap.attach(detail::t_heap_cache);
}

void init_address_spaces(const abi::BootInfo& info, unsigned asid_bits) {
  ASSERT(g_spaces == nullptr);
  g_spaces = new AddressSpaces(info, asid_bits);
}

void reclaim(const abi::BootInfo& info, abi::MemoryKind kind) {
  ASSERT(kind == abi::MemoryKind::Loader || kind == abi::MemoryKind::Initrd ||
         kind == abi::MemoryKind::DeviceTree);
  for (const abi::MemoryRegion& region : std::span(info.regions, info.region_count)) {
    if (region.kind == kind) g_frames.add(range_of(region));
  }
}

random::ChaChaRandom& random_generator() {
  ASSERT(g_spaces != nullptr);
  return g_spaces->random.generator;
}
Machine& machine() {
  ASSERT(g_spaces != nullptr);
  return g_spaces->machine;
}

}  // namespace nacre::mm
