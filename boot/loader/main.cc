// The loader: from firmware's hand-over to the kernel's first instruction on every hart. Physical, no heap, no exceptions;
// one hart does everything, the others only pass through. Memory that the kernel keeps comes from the start of the largest
// free region. abi/boot_info.hh says what the kernel finds.
#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "arena.hh"
#include "harts.hh"
#include "kernel_layout.hh"
#include "machine.hh"
#include "mapping.hh"
#include "memory_map.hh"
#include "nacre/abi/boot_info.hh"
#include "nacre/base/elf/image.hh"
#include "nacre/base/fdt/boot_arguments.hh"
#include "nacre/base/fdt/tree.hh"
#include "payload.hh"

namespace nacre::loader {
namespace {

using abi::BootInfo;
using abi::MemoryKind;
using abi::Range;
using paging::Mode;

extern "C" std::byte loader_start[];
extern "C" std::byte loader_end[];

// ---- What firmware says ----

fdt::Tree open_device_tree(uint64_t address, Range& range) {
  const auto size = fdt::Tree::total_size(memory_at(address, 8));
  if (!size) stop("no device tree");
  range = {address, *size};
  const auto tree = fdt::Tree::parse(memory_at(address, *size));
  if (!tree) stop("bad device tree", fdt::name_of(tree.error()));
  return *tree;
}

// Moves the seed out of the tree, so that nobody who reads the tree later learns it.
void take_seed(const fdt::Tree& tree, BootInfo& info) {
  const auto chosen = tree.find("/chosen");
  const auto seed = chosen ? chosen->property("rng-seed") : std::nullopt;
  if (!seed) return;
  info.seed_size = std::min(seed->data().size(), BootInfo::kMaxSeed);
  std::memcpy(info.seed, seed->data().data(), info.seed_size);
  for (std::byte& byte : memory_at(address_of(seed->data().data()), seed->data().size())) {
    byte = std::byte{0};
  }
}

Mode choose_mode(const fdt::BootArguments& arguments) {
  alignas(kPageSize) static std::array<uint64_t, 512> scratch;
  struct Named {
    std::string_view name;
    Mode mode;
  };
  static constexpr Named kModes[] = {
      {"sv57", Mode::Sv57}, {"sv48", Mode::Sv48}, {"sv39", Mode::Sv39}};
  const auto wanted = arguments.value("paging");
  for (const auto& [name, mode] : kModes) {
    if (wanted && *wanted != name) continue;
    if (supports(mode, scratch)) return mode;
  }
  stop("no such translation mode", wanted.value_or("any"));
}

// ---- The kernel ----

elf::Image open_kernel(std::span<std::byte> scratch) {
  const auto image = elf::Image::parse(unpack_kernel(scratch));
  if (!image) stop("bad kernel", elf::name_of(image.error()));
  return *image;
}

// Copies the image, fills BootInfo's ranges and relocates; returns the image in memory.
std::span<std::byte> place_kernel(const elf::Image& image, Arena& arena, BootInfo& info,
                                  bool randomise) {
  const elf::AddressRange extent = image.extent();
  const uint64_t tls_size = image.tls() ? image.tls()->size : 0;
  const uint64_t slide = randomise ? slide_from(info.seed, info.seed_size, info.boot_ticks) : 0;
  // Loading fills it all; to the end of the last page, so that nothing old is mapped with it.
  const uint64_t pages = (extent.size + kPageSize - 1) & ~(kPageSize - 1);
  const std::span<std::byte> memory = arena.allocate_raw(pages);
  info.kernel_physical = {address_of(memory.data()), extent.size};
  info.kernel_virtual = extent.address + slide;
  info.kernel_slide = slide;
  info.kernel_window = {kKernelWindow, kKernelWindowSize};
  place_cpus(info.kernel_virtual, extent.size, tls_size, std::span(info.cpus, info.cpu_count));
  image.load(memory);
  if (const auto relocated = image.relocate(memory, slide); !relocated) {
    stop("bad kernel", elf::name_of(relocated.error()));
  }
  return memory;
}

// The initial content of TLS blocks. From the relocated image: initial values may be addresses.
std::span<const std::byte> initial_tls(const elf::Image& image, std::span<const std::byte> kernel) {
  const auto segment = image.tls();
  if (!segment) return {};
  const uint64_t offset = segment->address - image.extent().address;
  if (offset + segment->content.size() > kernel.size()) stop("bad kernel", "TLS segment");
  return kernel.subspan(offset, segment->content.size());
}

// The line table stays for backtraces; the payload goes.
Range keep(Arena& arena, std::span<const std::byte> bytes) {
  if (bytes.empty()) return {};
  const std::span<std::byte> memory = arena.allocate_raw(bytes.size());
  std::memcpy(memory.data(), bytes.data(), bytes.size());
  return {address_of(memory.data()), bytes.size()};
}

void paint(MemoryMap& map, Range range, MemoryKind kind) {
  if (map.paint(range.begin, range.size, kind) != PaintStatus::Done)
    stop("too many memory regions");
}

struct FreeMemory {
  Arena arena;                   // what stays when the kernel runs
  std::span<std::byte> scratch;  // what does not
};

FreeMemory split_free_memory(const MemoryMap& map) {
  const auto region = map.largest_usable();
  if (!region) stop("no memory");
  const std::span<std::byte> memory = memory_at(region->base, region->size);
  const size_t half = memory.size() / 2 & ~(kPageSize - 1);
  return {Arena(memory.first(half)), memory.subspan(half)};
}

// The kernel's copy of the BootInfo, complete but for the harts.
BootInfo& keep_info(Arena& arena, MemoryMap& map, BootInfo& found) {
  const std::span<std::byte> memory = arena.allocate(sizeof(BootInfo));
  paint(map, arena.used(), MemoryKind::Kernel);
  const auto regions = map.regions();
  std::ranges::copy(regions, found.regions);
  found.region_count = static_cast<uint32_t>(regions.size());
  return *new (memory.data()) BootInfo(found);
}

// ---- Harts ----

// Stays in place: a hart may read its own long after it was asked to start.
const KernelEntry& entry_of(const BootInfo& info, size_t cpu, uint64_t satp, uint64_t address) {
  static constinit std::array<KernelEntry, BootInfo::kMaxCpus> entries{};
  const abi::BootCpu& of = info.cpus[cpu];
  entries[cpu] = {
      .boot_info = address_of(&info) + info.direct_map_offset,
      .cpu = cpu,
      .satp = satp,
      .address = address,
      .stack_top = of.boot_stack.begin + of.boot_stack.size,
      .tls = of.tls.begin,
  };
  return entries[cpu];
}

// A hart that does not start is left out: the next one takes its place, so that indices stay dense.
void start_others(BootInfo& info, const HartList& harts, uint64_t satp, uint64_t address) {
  size_t cpu = 0;
  info.cpus[cpu++].hart_id = harts.ids[0];
  for (const uint64_t hart : harts.all().subspan(1)) {
    info.cpus[cpu].hart_id = hart;
    if (start_hart(hart, entry_of(info, cpu, satp, address))) {
      ++cpu;
    } else {
      warn("firmware cannot start a hart; left out: hart", hart);
    }
  }
  info.cpu_count = cpu;
}

}  // namespace

extern "C" [[noreturn]] void nacre_loader_main(uint64_t hart, uint64_t device_tree,
                                               uint64_t ticks) {
  static constinit BootInfo found{};
  static constinit MemoryMap map;
  found.magic = BootInfo::kMagic;
  found.version = BootInfo::kVersion;
  found.size = sizeof(BootInfo);
  found.boot_ticks = ticks;

  const fdt::Tree tree = open_device_tree(device_tree, found.device_tree);
  use_test_device(tree);
  check_image();
  const auto arguments = fdt::BootArguments::of(tree);
  take_seed(tree, found);
  const Mode mode = choose_mode(arguments);

  if (describe_memory(tree, map) != PaintStatus::Done) stop("too many memory regions");
  found.initrd = find_initrd(tree);
  found.loader = {address_of(loader_start), static_cast<uint64_t>(loader_end - loader_start)};
  paint(map, found.device_tree, MemoryKind::DeviceTree);
  paint(map, found.loader, MemoryKind::Loader);

  const HartList harts = find_harts(tree, hart);
  if (harts.left_out != 0) warn("more harts than the kernel can use; left out:", harts.left_out);
  found.cpu_count = harts.count;

  auto [arena, scratch] = split_free_memory(map);
  const elf::Image image = open_kernel(scratch);
  const std::span<std::byte> kernel =
      place_kernel(image, arena, found, arguments.value("kaslr") != "off");
  found.lines = keep(arena, image.lines());

  const auto root = arena.allocate_table();
  if (!root) stop("out of memory");
  Table table(arena, mode, *root);
  found.direct_map_offset = paging::upper_half_begin(mode);
  found.root_table = root->value();
  found.paging_mode = static_cast<uint32_t>(mode);
  map_memory(table, map, found.direct_map_offset);
  map_devices(table, tree, found.direct_map_offset);
  map_kernel(table, image, found);
  const std::span<const std::byte> tls = initial_tls(image, kernel);
  for (const abi::BootCpu& cpu : std::span(found.cpus, found.cpu_count)) {
    map_cpu(table, arena, cpu, tls);
  }

  BootInfo& info = keep_info(arena, map, found);
  const uint64_t satp = paging::make_satp(mode, 0, *root);
  const uint64_t entry = image.entry() + found.kernel_slide;
  start_others(info, harts, satp, entry);
  nacre_enter_kernel(entry_of(info, 0, satp, entry));
}

}  // namespace nacre::loader
