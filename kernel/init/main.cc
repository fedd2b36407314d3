// kmain: from the loader's hand-over to the boot program, in three phases, each a plain sequence.
#include <cstddef>
#include <span>

#include "nacre/abi/boot_info.hh"
#include "nacre/base/core/panic.hh"
#include "nacre/base/elf/symbols.hh"
#include "nacre/base/fdt/boot_arguments.hh"
#include "nacre/base/fdt/tree.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/arch/translation.hh"
#include "nacre/kernel/init/boot_context.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/trace/log.hh"
#include "nacre/kernel/trace/panic.hh"
#include "nacre/kernel/trap/dispatch.hh"
#include "nacre/kernel/wasm/boot_program.hh"
#include "self_test.hh"

namespace nacre::init {
namespace {

constinit trace::Logger log_init("init");

extern "C" void (*const nacre_constructors_start[])();
extern "C" void (*const nacre_constructors_end[])();

// What the loader left in the direct map.
std::span<const std::byte> bytes_at(const abi::BootInfo& info, abi::Range range) {
  // SAFETY: the loader's ranges lie in the direct map and stay until they are reclaimed.
  return {reinterpret_cast<const std::byte*>(range.begin + info.direct_map_offset), range.size};
}

// ---- Phase 1: this CPU, before anything global ----

void start_cpu(const abi::BootInfo& info) {
  arch::PerCpu& cpu = arch::this_cpu();
  cpu.id = CpuId{0};
  cpu.hart = HartId{info.boot_hart_id};
  const auto bounds = [](abi::Range stack) {
    return trap::StackBounds{stack.begin, stack.begin + stack.size};
  };
  trap::initialize_cpu(bounds(info.boot_stack), bounds(info.emergency_stack));
}

void check_hand_over(const abi::BootInfo& info) {
  if (info.magic != abi::BootInfo::kMagic || info.version != abi::BootInfo::kVersion ||
      info.size != sizeof(abi::BootInfo)) {
    panic("the loader's BootInfo is not ours");
  }
}

// ---- Phase 2: the machine, once ----

fdt::Tree open_device_tree(const abi::BootInfo& info) {
  const auto tree = fdt::Tree::parse(bytes_at(info, info.device_tree));
  if (!tree) panic(fdt::name_of(tree.error()));
  return *tree;
}

void start_log(const fdt::BootArguments& arguments) {
  const auto wanted = arguments.value("log");
  if (!wanted) return;
  const auto filter = trace::Filter::parse(*wanted);
  if (filter) {
    trace::set_filter(*filter);
  } else {
    log_init.warn("log={}: not a filter", *wanted);
  }
}

void run_constructors() {
  for (auto constructor = nacre_constructors_start; constructor != nacre_constructors_end;
       ++constructor) {
    (*constructor)();
  }
}

void describe(const abi::BootInfo& info, const fdt::BootArguments& arguments) {
  const arch::CpuFeatures& features = arch::cpu_features();
  log_init.debug("arguments: {}", arguments.text());
  log_init.debug("kernel at 0x{:x} (slide 0x{:x}), physical 0x{:x}, direct map at 0x{:x}, Sv{}",
                 info.kernel_virtual, info.kernel_slide, info.kernel_physical.begin,
                 info.direct_map_offset, 39 + 9 * (info.paging_mode - 8));
  for (const abi::MemoryRegion& region : std::span(info.regions, info.region_count)) {
    log_init.debug("memory 0x{:x}..0x{:x} kind {}", region.base, region.base + region.size,
                   region.kind);
  }
  log_init.debug("{} CPUs; zba {} zbb {} zbs {} v {} sstc {}; clock {} Hz", features.cpu_count,
                 features.zba, features.zbb, features.zbs, features.v, features.sstc,
                 arch::ticks_per_second());
}

uint64_t microseconds_since(uint64_t ticks) {
  return arch::ticks_to_ns(arch::now_ticks() - ticks) / 1000;
}

// ---- The sequence ----

int boot(const abi::BootInfo& info, uint64_t entry_ticks) {
  check_hand_over(info);
  const fdt::Tree tree = open_device_tree(info);
  const auto arguments = fdt::BootArguments::of(tree);
  arch::initialize_machine(tree, info.direct_map_offset);
  start_log(arguments);
  trace::initialize_backtraces({bytes_at(info, info.symbols), bytes_at(info, info.strings)},
                               info.kernel_slide);
  mm::init_memory(info);
  run_constructors();
  mm::init_address_spaces(info, arch::probe_asid_bits());
  describe(info, arguments);

  // Phase 3: this CPU, now that all is there.
  arch::cancel_timer();
  log_init.info("booted in {} us, {} of them in the loader", microseconds_since(info.boot_ticks),
                arch::ticks_to_ns(entry_ticks - info.boot_ticks) / 1000);

  const BootContext context{info, tree, arguments};
  if (const auto test = arguments.value("selftest")) return run_self_test(*test, context);
  return kwasm::run_boot_program(context.info, context.tree, context.arguments);
}

}  // namespace

extern "C" [[noreturn]] void nacre_kernel_main(const abi::BootInfo* info) {
  const uint64_t entry_ticks = arch::now_ticks();
  start_cpu(*info);
  int status = arch::kExitKernelFailure;
  const auto result = trace::catch_panic("kmain", [&] { status = boot(*info, entry_ticks); });
  arch::stop_machine(result ? static_cast<uint8_t>(status) : arch::kExitKernelFailure);
}

}  // namespace nacre::init
