// kmain: from the loader's hand-over to the boot program, in three phases, each a plain sequence: every CPU for itself, the
// machine once (CPU 0), every CPU again.
#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <new>
#include <optional>
#include <span>

#include "cpus.hh"
#include "metrics.hh"
#include "nacre/abi/boot_info.hh"
#include "nacre/base/core/panic.hh"
#include "nacre/base/elf/line_table.hh"
#include "nacre/base/fdt/boot_arguments.hh"
#include "nacre/base/fdt/tree.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/cpus.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/arch/translation.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/init/boot_context.hh"
#include "nacre/kernel/init/boot_main.hh"
#include "nacre/kernel/machine/interrupts.hh"
#include "nacre/kernel/mm/failure_injection.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/shell/shell.hh"
#include "nacre/kernel/trace/backtrace.hh"
#include "nacre/kernel/trace/log.hh"
#include "nacre/kernel/trace/panic.hh"
#include "nacre/kernel/trace/span.hh"
#include "nacre/kernel/trap/dispatch.hh"
#include "nacre/kernel/wasm/boot_program.hh"
#include "nacre/kernel/wasm/thread.hh"

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

fdt::BootArguments boot_arguments(const abi::BootInfo& info) {
  const std::span<const std::byte> text = bytes_at(info, info.arguments);
  return fdt::BootArguments(
      {static_cast<const char*>(static_cast<const void*>(text.data())), text.size()});
}

void start_log(const fdt::BootArguments& arguments) {
  const auto wanted = arguments.value("log");
  if (!wanted) return;
  const auto filter = trace::Filter::parse(*wanted);
  if (filter) {
    trace::set_filter(*filter);
  } else {
    log_init.warn("log={}: column {}: {}", *wanted, filter.error().column, filter.error().what);
  }
}

// Of the loader, the system and its tests. A mistyped argument would otherwise be one that has no effect.
constexpr std::string_view kKnownArguments[] = {
    "asid-bits", "backtrace", "bench",      "console",    "fail-alloc",
    "fault",     "kaslr",     "list-tests", "log",        "paging",
    "seed",      "shell",     "test",       "test-after", "test-timeout"};

constexpr std::string_view kNumericArguments[] = {"asid-bits", "fail-alloc", "test-timeout"};

void check_arguments(const fdt::BootArguments& arguments) {
  const std::string_view text = arguments.text();
  arguments.for_each([&](const fdt::BootArgument& argument) {
    const auto key = static_cast<size_t>(argument.key.data() - text.data());
    const std::string_view behind_key = text.substr(key + argument.key.size());
    const size_t value_column = key + argument.key.size() + (behind_key.starts_with('=') ? 2 : 1);
    if (!std::ranges::contains(kKnownArguments, argument.key)) {
      log_init.warn("boot arguments, column {}: '{}' is unknown", key + 1, argument.key);
    } else if (std::ranges::contains(kNumericArguments, argument.key) &&
               !arguments.number(argument.key)) {
      log_init.warn("boot arguments, column {}: '{}' is not a number", value_column,
                    argument.value);
    }
    if (behind_key.starts_with("=\"") && behind_key.size() == 2 + argument.value.size())
      log_init.warn("boot arguments, column {}: a quote does not end", value_column);
  });
}

void start_backtraces(const abi::BootInfo& info, const fdt::BootArguments& arguments) {
  trace::initialize_panics();
  if (const auto table = elf::LineTable::parse(bytes_at(info, info.lines))) {
    trace::initialize_backtraces(*table, info.kernel_slide);
  } else {
    log_init.warn("the image has no line table: backtraces are addresses");
  }
  const auto wanted = arguments.value("backtrace");
  if (!wanted) return;
  if (const auto style = trace::parse_backtrace_style(*wanted)) {
    trace::set_backtrace_style(*style);
  } else {
    log_init.warn("backtrace={}: short, full or off", *wanted);
  }
}

void run_constructors() {
  for (auto constructor = nacre_constructors_start; constructor != nacre_constructors_end;
       ++constructor) {
    (*constructor)();
  }
}

void describe_cpus(const abi::BootInfo& info) {
  for (size_t i = 0; i < info.cpu_count; ++i) {
    log_init.debug("CPU {}: hart {}, stack 0x{:x} ({} KiB), TLS 0x{:x}", i, info.cpus[i].hart_id,
                   info.cpus[i].boot_stack.begin, info.cpus[i].boot_stack.size / 1024,
                   info.cpus[i].tls.begin);
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
  if (info.seed_size == 0) {
    log_init.warn("firmware gives no random seed: what is random depends on the clock alone");
  }
  describe_cpus(info);
  log_init.debug("zba {} zbb {} zbs {} v {} sstc {}; clock {} Hz", features.zba, features.zbb,
                 features.zbs, features.v, features.sstc, arch::ticks_per_second());
}

// Without a controller the machine runs, but for what needs a device's interrupts.
void start_interrupts(const abi::BootInfo& info, const fdt::Tree& tree) {
  const trace::Span span("interrupts");
  const mm::Machine& memory = mm::machine();
  machine::DeviceMapper mapper(memory.frames, memory.mode, memory.kernel_root);
  std::array<HartId, abi::BootInfo::kMaxCpus> harts{};
  for (size_t i = 0; i < info.cpu_count; ++i) harts[i] = HartId{info.cpus[i].hart_id};
  const auto found =
      machine::find_interrupt_controller(tree, std::span(harts).first(info.cpu_count), mapper);
  if (!found) log_init.error("{}", found.error().to_string());
  if (const auto* controller = machine::interrupt_controller()) {
    log_init.debug("interrupts: {}, {} sources", controller->name(), controller->sources());
  }
}

uint64_t microseconds_since(uint64_t ticks) {
  return arch::ticks_to_ns(arch::now_ticks() - ticks) / 1000;
}

// ---- The sequence ----

void start_memory(const abi::BootInfo& info, const fdt::BootArguments& arguments) {
  const trace::Span span("memory");
  if (const auto index = arguments.number("fail-alloc")) mm::inject_failure_at(*index);
  mm::init_memory(info);
  run_constructors();
  start_metrics();
}

void start_cpus(abi::BootInfo& info, const fdt::BootArguments& arguments) {
  const trace::Span span("cpus");
  if (wait_for_all(info)) mm::reclaim(info, abi::MemoryKind::Loader);
  // Fewer than there are, for tests of what happens when they are used up.
  const unsigned bits = arch::probe_asid_bits();
  const uint64_t wanted = arguments.number("asid-bits").value_or(bits);
  mm::init_address_spaces(info, static_cast<unsigned>(std::min<uint64_t>(bits, wanted)));
}

// Phase 2 on CPU 0. Nothing made here goes away again.
const BootContext& start_machine(const abi::BootInfo& from_loader) {
  const trace::Span span("boot");
  static constinit abi::BootInfo info{};
  static std::optional<fdt::Tree> tree;
  static std::optional<fdt::BootArguments> arguments;
  static std::optional<BootContext> context;
  check_hand_over(from_loader);
  info = from_loader;
  tree = open_device_tree(info);
  arguments = boot_arguments(info);
  arch::initialize_machine(*tree, info.direct_map_offset);
  start_log(*arguments);
  start_backtraces(info, *arguments);
  check_arguments(*arguments);
  start_memory(info, *arguments);
  start_cpus(info, *arguments);
  start_interrupts(info, *tree);
  describe(info, *arguments);
  return context.emplace(info, *tree, *arguments);
}

// Phase 3: this CPU, now that all is there.
void finish_cpu() {
  const arch::PerCpu& cpu = arch::this_cpu();
  if (cpu.id != CpuId{0}) mm::init_cpu();
  kwasm::install_fast_system_calls();
  arch::announce_cpu(cpu.id, cpu.hart);
  machine::open_interrupts();
  arch::cancel_timer();
  note_online();
}

int run_boot_cpu(const abi::BootInfo& info, uint64_t entry_ticks) {
  const BootContext& context = start_machine(info);
  release_others(context);
  finish_cpu();
  log_init.info("booted in {} us, {} of them in the loader; {} CPUs",
                microseconds_since(info.boot_ticks),
                arch::ticks_to_ns(entry_ticks - info.boot_ticks) / 1000, context.info.cpu_count);
  if (const BootMain* other = BootMain::installed()) return other->run()(context);
  if (context.arguments.has("shell"))
    return shell::run(context.info, context.tree, context.arguments);
  if (context.arguments.has("console")) return shell::run_program(context.info, context.tree);
  return kwasm::run_boot_program(context.info, context.tree, context.arguments);
}

void run_other_cpu(const abi::BootInfo& info, size_t place) {
  (void)wait_for_release(info, place);
  finish_cpu();
  log_init.debug("hart {} is up", arch::this_cpu().hart.value);
  exec::run_worker();
}

}  // namespace

extern "C" [[noreturn]] void nacre_kernel_main(const abi::BootInfo* info, size_t place) {
  const uint64_t entry_ticks = arch::now_ticks();
  enter_cpu(*info, place);
  int status = arch::kExitKernelFailure;
  const auto result = trace::catch_panic("kmain", [&] {
    try {
      if (place == 0) {
        status = run_boot_cpu(*info, entry_ticks);
      } else {
        run_other_cpu(*info, place);
      }
    } catch (const std::bad_alloc&) {
      log_init.error("out of memory while the machine starts");
    }
  });
  if (mm::is_injecting_failures()) {
    log_init.info("{} allocations were asked for", mm::stop_injecting_failures());
  }
  arch::stop_machine(result ? static_cast<uint8_t>(status) : arch::kExitKernelFailure);
}

}  // namespace nacre::init
