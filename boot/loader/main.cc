// The loader: from firmware's hand-over to the kernel's first instruction on every hart. Physical, no heap, no exceptions;
// one hart does everything, the others only pass through. Memory that the kernel keeps comes from the start of the largest
// free region. abi/boot_info.hh says what the kernel finds.
#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "arena.hh"
#include "efi_text.hh"
#include "handover.hh"
#include "harts.hh"
#include "kernel_layout.hh"
#include "machine.hh"
#include "mapping.hh"
#include "memory_map.hh"
#include "nacre/abi/boot_info.hh"
#include "nacre/abi/boot_request.hh"
#include "nacre/base/elf/image.hh"
#include "nacre/base/fdt/boot_arguments.hh"
#include "nacre/base/fdt/tree.hh"
#include "nacre/base/random/chacha_random.hh"
#include "payload.hh"

namespace nacre::loader {
namespace {

using abi::BootInfo;
using abi::MemoryKind;
using abi::Range;
using paging::Mode;

extern "C" [[gnu::visibility("hidden")]] std::byte loader_start[];
extern "C" [[gnu::visibility("hidden")]] std::byte loader_end[];

constexpr size_t kMaxArguments = 8192;

void paint(MemoryMap& map, Range range, MemoryKind kind) {
  if (map.paint(range.begin, range.size, kind) != PaintStatus::Done)
    stop("too many memory regions");
}

// ---- What firmware says ----

fdt::Tree open_device_tree(uint64_t address, Range& range) {
  const auto size = fdt::Tree::total_size(memory_at(address, 8));
  if (!size) stop("no device tree");
  range = {address, *size};
  const auto tree = fdt::Tree::parse(memory_at(address, *size));
  if (!tree) stop("bad device tree", fdt::name_of(tree.error()));
  return *tree;
}

// What nobody outside can know, as far as firmware gives a seed. The seed is moved out of the tree, so that nobody who reads
// the tree later learns it, and the kernel gets bytes that tell nothing of what is drawn here. Without a seed, or with
// seed=off, there is the time, and the kernel says so.
random::ChaChaRandom make_generator(const fdt::Tree& tree, const fdt::BootArguments& arguments,
                                    Handover& handover, BootInfo& info) {
  std::array<uint8_t, sizeof info.boot_ticks> ticks;
  std::memcpy(ticks.data(), &info.boot_ticks, ticks.size());
  random::ChaChaRandom generator(ticks);
  const auto chosen = tree.find("/chosen");
  const auto seed = chosen ? chosen->property("rng-seed") : std::nullopt;
  const std::span<std::byte> in_tree =
      seed ? memory_at(address_of(seed->data().data()), seed->data().size())
           : std::span<std::byte>();
  std::array<uint8_t, BootInfo::kMaxSeed> copy{};
  std::memcpy(copy.data(), in_tree.data(), std::min(in_tree.size(), copy.size()));
  std::ranges::fill(in_tree, std::byte{0});
  const bool has_seed = !in_tree.empty() || handover.seed_size != 0;
  if (!has_seed || arguments.value("seed") == "off") return generator;
  generator.mix(copy);
  generator.mix(std::span(handover.seed).first(handover.seed_size));
  handover.seed.fill(0);
  generator.fill(info.seed);
  info.seed_size = sizeof info.seed;
  return generator;
}

// Those of the device tree, then those that UEFI has.
std::string_view boot_arguments(const fdt::Tree& tree, const Handover& handover) {
  static constinit std::array<char, kMaxArguments> buffer{};
  efi::Words words(buffer);
  if (!words.append(fdt::BootArguments::of(tree).text()) || !words.append(handover.arguments)) {
    stop("the boot arguments are too long");
  }
  return words.text();
}

// Paints everything that is known before the kernel is.
void describe_machine(const fdt::Tree& tree, const Handover& handover, BootInfo& info,
                      MemoryMap& map) {
  const PaintStatus status = handover.memory.size() != 0
                                 ? efi::describe_memory(handover.memory, tree, map)
                                 : describe_memory(tree, map);
  if (status != PaintStatus::Done) stop("too many memory regions");
  info.initrd = handover.archive.size != 0 ? handover.archive : find_initrd(tree);
  info.loader = {address_of(loader_start), static_cast<uint64_t>(loader_end - loader_start)};
  paint(map, info.initrd, MemoryKind::Initrd);
  paint(map, info.device_tree, MemoryKind::DeviceTree);
  paint(map, info.loader, MemoryKind::Loader);
  // The kernel reads both where they are, and takes the loader's memory for its own.
  if (!map.holds(info.initrd, MemoryKind::Loader)) {
    stop("the boot archive does not lie in memory of its own");
  }
  if (!map.holds(info.device_tree, MemoryKind::Loader)) {
    stop("the device tree does not lie in memory of its own");
  }
}

Mode choose_mode(const fdt::BootArguments& arguments, const abi::BootRequest& request) {
  alignas(kPageSize) static std::array<uint64_t, 512> scratch;
  struct Named {
    std::string_view name;
    Mode mode;
  };
  static constexpr Named kModes[] = {
      {"sv57", Mode::Sv57}, {"sv48", Mode::Sv48}, {"sv39", Mode::Sv39}};
  const auto wanted = arguments.value("paging");
  for (const auto& [name, mode] : kModes) {
    const bool fits = (request.paging_modes >> static_cast<unsigned>(mode) & 1) != 0;
    if (!fits || (wanted && *wanted != name)) continue;
    if (supports(mode, scratch)) return mode;
  }
  stop("no such translation mode", wanted.value_or("any that the kernel can use"));
}

// ---- The kernel ----

elf::Image open_kernel(std::span<std::byte> scratch) {
  const auto image = elf::Image::parse(unpack_kernel(scratch));
  if (!image) stop("bad kernel", elf::name_of(image.error()));
  return *image;
}

abi::BootRequest read_request(const elf::Image& image) {
  abi::BootRequest request{};
  const std::span<const std::byte> bytes = image.request();
  if (bytes.size() < sizeof request) stop("bad kernel", "it does not say what it needs");
  std::memcpy(&request, bytes.data(), sizeof request);
  if (request.magic != abi::BootRequest::kMagic || request.size != sizeof request ||
      request.version != BootInfo::kVersion) {
    stop("bad kernel", "it was built for another loader");
  }
  for (const uint32_t pages : {request.boot_stack_pages, request.emergency_stack_pages}) {
    if (pages == 0 || pages > abi::BootRequest::kMaxStackPages) stop("bad kernel", "stack size");
  }
  return request;
}

// Decides where everything will lie.
void plan(const elf::Image& image, const abi::BootRequest& request, const MemoryMap& map,
          KernelLayout layout, BootInfo& info) {
  const abi::MemoryRegion& last = map.regions().back();
  const auto direct_map = layout.place_direct_map(last.base + last.size);
  const auto kernel = layout.place_image(image.extent().size);
  const uint64_t tls_size = image.tls() ? image.tls()->size : 0;
  if (!direct_map || !kernel ||
      !layout.place_cpus(request, tls_size, std::span(info.cpus, info.cpu_count))) {
    stop("the translation mode has too few addresses for this machine's memory");
  }
  info.direct_map_offset = *direct_map;
  info.kernel_virtual = *kernel;
  info.kernel_slide = *kernel - image.extent().address;
}

// Copies the image and relocates it; returns the image in memory.
std::span<std::byte> place_kernel(const elf::Image& image, Arena& arena, BootInfo& info) {
  const uint64_t size = image.extent().size;
  // Loading fills it all; to the end of the last page, so that nothing old is mapped with it.
  const std::span<std::byte> memory = arena.allocate_raw((size + kPageSize - 1) & ~(kPageSize - 1));
  info.kernel_physical = {address_of(memory.data()), size};
  image.load(memory);
  if (const auto relocated = image.relocate(memory, info.kernel_slide); !relocated) {
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

// What stays: the line table, for backtraces, and the boot arguments. The payload goes.
Range keep(Arena& arena, std::span<const std::byte> bytes) {
  if (bytes.empty()) return {};
  const std::span<std::byte> memory = arena.allocate_raw(bytes.size());
  std::memcpy(memory.data(), bytes.data(), bytes.size());
  return {address_of(memory.data()), bytes.size()};
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

void check_free_memory(const BootInfo& info, const abi::BootRequest& request) {
  uint64_t free = 0;
  for (const abi::MemoryRegion& region : std::span(info.regions, info.region_count)) {
    if (region.kind == MemoryKind::Usable) free += region.size;
  }
  if (free < request.heap_bytes) stop("the kernel needs more memory than this machine has");
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

// Called by start.S, by UEFI's way in.
extern "C" [[noreturn]] void nacre_loader_run(Handover& handover) {
  static constinit BootInfo found{};
  static constinit MemoryMap map;
  found.magic = BootInfo::kMagic;
  found.version = BootInfo::kVersion;
  found.size = sizeof(BootInfo);
  found.boot_ticks = handover.ticks;

  const fdt::Tree tree = open_device_tree(handover.device_tree, found.device_tree);
  use_test_device(tree);
  check_image();
  const fdt::BootArguments arguments(boot_arguments(tree, handover));
  random::ChaChaRandom generator = make_generator(tree, arguments, handover, found);
  describe_machine(tree, handover, found, map);

  const HartList harts = find_harts(tree, handover.hart);
  if (harts.left_out != 0) warn("more harts than the kernel can use; left out:", harts.left_out);
  found.cpu_count = harts.count;

  auto [arena, scratch] = split_free_memory(map);
  const elf::Image image = open_kernel(scratch);
  const abi::BootRequest request = read_request(image);
  const Mode mode = choose_mode(arguments, request);
  found.paging_mode = static_cast<uint32_t>(mode);
  const bool fixed =
      request.placement == abi::BootRequest::Fixed || arguments.value("kaslr") == "off";
  plan(image, request, map, KernelLayout(mode, fixed ? nullptr : &generator), found);
  const std::span<std::byte> kernel = place_kernel(image, arena, found);
  found.lines = keep(arena, image.lines());
  found.arguments = keep(arena, std::as_bytes(std::span(arguments.text())));

  const auto root = arena.allocate_table();
  if (!root) stop("out of memory");
  found.root_table = root->value();
  Table table(arena, mode, *root);
  map_memory(table, map, found.direct_map_offset);
  map_devices(table, tree, found.direct_map_offset);
  map_kernel(table, image, found);
  const std::span<const std::byte> tls = initial_tls(image, kernel);
  for (const abi::BootCpu& cpu : std::span(found.cpus, found.cpu_count)) {
    map_cpu(table, arena, cpu, tls);
  }

  BootInfo& info = keep_info(arena, map, found);
  check_free_memory(info, request);
  const uint64_t satp = paging::make_satp(mode, 0, *root);
  const uint64_t entry = image.entry() + found.kernel_slide;
  start_others(info, harts, satp, entry);
  nacre_enter_kernel(entry_of(info, 0, satp, entry));
}

// Called by start.S, by firmware's ordinary way in.
extern "C" [[noreturn]] void nacre_loader_main(uint64_t hart, uint64_t device_tree,
                                               uint64_t ticks) {
  static constinit Handover handover{};
  handover.hart = hart;
  handover.device_tree = device_tree;
  handover.ticks = ticks;
  nacre_loader_run(handover);
}

}  // namespace nacre::loader
