#include "nacre/kernel/arch/machine.hh"

#include <algorithm>

#include "nacre/kernel/arch/interrupts.hh"
#include "nacre/kernel/arch/riscv64/sbi.hh"
#include "state.hh"

namespace nacre::arch {

// 10 MHz until the device tree is read: what the emulator has.
constinit MachineState g_machine{
    .ticks_per_second = 10'000'000, .console = {}, .test_device = {}, .features = {}};

namespace {

// 16550: transmit holding register, line status register with "holding register empty".
constexpr uint64_t kUartTransmit = 0;
constexpr uint64_t kUartLineStatus = 5;
constexpr uint8_t kUartTransmitEmpty = 1 << 5;

// sifive,test0: pass, or fail with a code in the upper half.
constexpr uint32_t kTestPass = 0x5555;
constexpr uint32_t kTestFail = 0x3333;

MmioRegion find_device(const fdt::Tree& tree, std::string_view compatible, uint64_t offset) {
  const auto node = tree.find_compatible(compatible);
  const auto region = node ? node->region(0) : std::nullopt;
  if (!region) return {};
  return {VirtAddr(region->address + offset), ByteSize(region->size)};
}

// "rv64imafdch_zicsr_zba…": single letters up to the first '_', then names.
bool has_extension(std::string_view isa, std::string_view name) {
  if (isa.starts_with("rv64")) isa.remove_prefix(4);
  const std::string_view letters = isa.substr(0, isa.find('_'));
  if (name.size() == 1) return letters.find(name) != std::string_view::npos;
  while (!isa.empty()) {
    const size_t end = std::min(isa.find('_'), isa.size());
    if (isa.substr(0, end) == name) return true;
    isa.remove_prefix(std::min(end + 1, isa.size()));
  }
  return false;
}

CpuFeatures read_features(const fdt::Tree& tree) {
  CpuFeatures all{true, true, true, true, true, true, true, true, true, true, 0};
  const auto cpus = tree.find("/cpus");
  for (auto cpu = cpus ? cpus->first_child() : std::nullopt; cpu; cpu = cpu->next_sibling()) {
    // The list of names replaces the string; a machine may have both.
    const auto list = cpu->property("riscv,isa-extensions");
    const auto isa = cpu->property("riscv,isa");
    if ((!isa && !list) || !cpu->is_enabled()) continue;
    const auto has = [&](std::string_view name) {
      return list ? list->contains(name) : has_extension(isa->as_string(), name);
    };
    all.zba &= has("zba");
    all.zbb &= has("zbb");
    all.zbs &= has("zbs");
    all.zbc &= has("zbc");
    all.zfh &= has("zfh");
    all.zicond &= has("zicond");
    all.v &= has("v");
    all.sstc &= has("sstc");
    all.svinval &= has("svinval");
    all.ssaia &= has("ssaia");
    ++all.cpu_count;
  }
  return all.cpu_count == 0 ? CpuFeatures{} : all;
}

}  // namespace

void initialize_machine(const fdt::Tree& tree, uint64_t direct_map_offset) {
  g_machine.console = find_device(tree, "ns16550a", direct_map_offset);
  g_machine.test_device = find_device(tree, "sifive,test0", direct_map_offset);
  g_machine.features = read_features(tree);
  const auto cpus = tree.find("/cpus");
  const auto rate = cpus ? cpus->property("timebase-frequency") : std::nullopt;
  if (rate && rate->as_number().value_or(0) != 0) g_machine.ticks_per_second = *rate->as_number();
}

const CpuFeatures& cpu_features() {
  return g_machine.features;
}

void console_write(std::string_view text) {
  const MmioRegion& uart = g_machine.console;
  for (char c : text) {
    if (!uart.is_mapped()) {
      riscv64::sbi_console_write_byte(c);
      continue;
    }
    while ((uart.read<uint8_t>(kUartLineStatus) & kUartTransmitEmpty) == 0) {
    }
    uart.write<uint8_t>(kUartTransmit, static_cast<uint8_t>(c));
  }
}

void stop_machine(uint8_t status) {
  const MmioRegion& device = g_machine.test_device;
  if (device.is_mapped()) {
    device.write<uint32_t>(0, status == 0 ? kTestPass : kTestFail | uint32_t{status} << 16);
  }
  riscv64::sbi_shutdown(status != 0);
  park();
}

void park() {
  disable_interrupts();
  while (true) wait_for_interrupt();
}

}  // namespace nacre::arch
