#include "nacre/kernel/mm/kernel_memory.hh"

#include <algorithm>
#include <array>
#include <atomic>
#include <new>
#include <optional>
#include <utility>

#include "nacre/base/paging/page_table.hh"
#include "nacre/base/random/chacha_random.hh"
#include "nacre/kernel/arch/cpus.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/arch/translation.hh"
#include "nacre/kernel/mm/kernel_tables.hh"
#include "nacre/kernel/mm/poison.hh"

namespace nacre::mm {

namespace detail {
constinit FrameAllocator g_frames;
constinit Heap g_heap;
constinit thread_local HeapCache t_heap_cache;
}  // namespace detail

namespace {

using detail::g_frames;
using detail::g_heap;

// Counts the publications of code. A CPU that has seen fewer fetches stale instructions if frames were used for code
// before. The release of who adds pairs with the acquire in activate().
constinit std::atomic<uint64_t> g_code_generation{0};
constinit thread_local uint64_t t_code_generation = 0;

// The root that this CPU's satp names, with a reference to it, or nullptr: the kernel's.
constinit thread_local SpaceRoot* t_active = nullptr;

// To this CPU by instruction, to others through the firmware.
class MachineTlb final : public TlbControl {
 public:
  void flush_range(CpuMask cpus, uint16_t asid, UserAddr start, ByteSize size) noexcept override {
    if (const CpuMask others = others_of(cpus)) arch::remote_flush_range(others, asid, start, size);
    if (has_this(cpus)) arch::flush_range(asid, start, size);
  }
  void flush_space(CpuMask cpus, uint16_t asid) noexcept override {
    if (const CpuMask others = others_of(cpus)) arch::remote_flush_space(others, asid);
    if (has_this(cpus)) arch::flush_space(asid);
  }
  void synchronise_instructions(CpuMask cpus) noexcept override {
    g_code_generation.fetch_add(1, std::memory_order_release);
    if (const CpuMask others = others_of(cpus)) arch::remote_synchronise_instructions(others);
    if (has_this(cpus)) arch::synchronise_instructions();
  }

 private:
  static CpuMask others_of(CpuMask cpus) { return cpus & ~arch::mask_of(arch::this_cpu().id); }
  static bool has_this(CpuMask cpus) { return (cpus & arch::mask_of(arch::this_cpu().id)) != 0; }
};

// One for all CPUs, under a lock that is held for the output of a page at most.
class KernelRandom final : public RandomSource {
 public:
  explicit KernelRandom(const abi::BootInfo& info)
      : generator_(std::span(info.seed, info.seed_size)) {
    // Without a seed from the firmware, the time is better than nothing.
    std::array<uint8_t, sizeof info.boot_ticks> ticks{};
    for (size_t i = 0; i < ticks.size(); ++i) {
      ticks[i] = static_cast<uint8_t>(info.boot_ticks >> 8 * i);
    }
    generator_.mix(ticks);
  }
  // Several at a time: a request to the generator costs a new key each. What was given out is forgotten.
  uint64_t next() noexcept override {
    const LockGuard guard(lock_);
    if (left_ == 0) {
      // SAFETY: the words' bytes.
      generator_.fill({reinterpret_cast<uint8_t*>(words_.data()), sizeof words_});
      left_ = words_.size();
    }
    return std::exchange(words_[--left_], 0);
  }
  void fill(std::span<uint8_t> out) noexcept {
    while (!out.empty()) {
      const auto piece = out.first(std::min<size_t>(out.size(), kPageSize));
      const LockGuard guard(lock_);
      generator_.fill(piece);
      out = out.subspan(piece.size());
    }
  }

 private:
  Lock lock_{LockRank::Random};
  random::ChaChaRandom generator_ GUARDED_BY(lock_);
  std::array<uint64_t, 32> words_ GUARDED_BY(lock_){};
  size_t left_ GUARDED_BY(lock_) = 0;  // words not given out yet, from the front
};

// Made by init_address_spaces and never destroyed.
struct AddressSpaces {
  MachineTlb tlb;
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

// Spaces share the tables below the root that the kernel's half has when they are made. What the loader left free at its top may
// be mapped at any time, so its table is made before the first of them; it stays when nothing is mapped there.
void share_free_top(const Machine& machine) {
  KernelTables frames(machine.frames);
  paging::PageTable<KernelTables> table(frames, machine.mode, machine.kernel_root);
  const VirtAddr top(uint64_t{0} - abi::BootInfo::kFreeTop);
  const ByteSize page(kPageSize);
  if (!table.map(top, machine.kernel_root, page,
                 {paging::Access::Read, paging::Privilege::Supervisor, paging::Sharing::Global}) ||
      !table.unmap(top, page)) {
    throw std::bad_alloc();
  }
  arch::flush_kernel_range(top, page);
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
#ifdef NACRE_KASAN
  const DirectMap map(info.direct_map_offset);
  const auto shadow = memory.allocate(ByteSize(covered->size.bytes() / 8));
  ASSERT(shadow.has_value());
  zero_pages(map.pointer<void>(*shadow), ByteSize(covered->size.bytes() / 8).pages_up());
  start_checking(covered->start.value() + info.direct_map_offset, covered->size.bytes(),
                 map.pointer<uint8_t>(*shadow));
#endif
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
  share_free_top(g_spaces->machine);
}

void reclaim(const abi::BootInfo& info, abi::MemoryKind kind) {
  ASSERT(kind == abi::MemoryKind::Loader || kind == abi::MemoryKind::Initrd ||
         kind == abi::MemoryKind::DeviceTree);
  for (const abi::MemoryRegion& region : std::span(info.regions, info.region_count)) {
    if (region.kind == kind) g_frames.add(range_of(region));
  }
}

void activate(const AddressSpace& space) noexcept {
  SpaceRoot* const root = space.root().get();
  if (root != t_active) {
    root->note_use(arch::this_cpu().id);
    Ref<SpaceRoot> before = Ref<SpaceRoot>::adopt(t_active);
    t_active = Ref<SpaceRoot>(space.root()).leak();
    arch::switch_address_space(root->satp());
    // What another space of the same identifier left here.
    if (root->asid() == AsidAllocator::kShared) arch::flush_space(AsidAllocator::kShared);
  }
  const uint64_t generation = g_code_generation.load(std::memory_order_acquire);
  if (generation != t_code_generation) {
    t_code_generation = generation;
    arch::synchronise_instructions();
  }
}

void deactivate() noexcept {
  if (t_active == nullptr) return;
  const Ref<SpaceRoot> before = Ref<SpaceRoot>::adopt(t_active);
  t_active = nullptr;
  const Machine& machine = g_spaces->machine;
  arch::switch_address_space(paging::make_satp(machine.mode, 0, machine.kernel_root));
}

void fill_random(std::span<uint8_t> out) noexcept {
  ASSERT(g_spaces != nullptr);
  g_spaces->random.fill(out);
}
uint64_t frames_outside_heap() {
  const HeapStatistics held = heap().statistics();
  return frames().counts().used() - ByteSize(held.slab_bytes + held.large_bytes).pages_up();
}
Machine& machine() {
  ASSERT(g_spaces != nullptr);
  return g_spaces->machine;
}

}  // namespace nacre::mm
