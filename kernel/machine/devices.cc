#include "nacre/kernel/machine/devices.hh"

#include <optional>

#include "nacre/base/core/format.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/interrupts.hh"
#include "nacre/kernel/dev/goldfish_rtc.hh"
#include "nacre/kernel/dev/virtio_mmio.hh"

namespace nacre::machine {
namespace {

// Interrupt number of supervisor external interrupts in a hart's own controller (privileged architecture, scause 9).
constexpr uint32_t kSupervisorExternal = 9;

uint32_t big_endian_word(std::span<const std::byte> bytes, size_t index) {
  uint32_t word = 0;
  for (size_t i = 0; i < sizeof word; ++i) {
    word = word << 8 | std::to_integer<uint32_t>(bytes[index * sizeof word + i]);
  }
  return word;
}

// The phandle of the interrupt controller inside the hart's cpu node.
std::optional<uint32_t> interrupt_phandle_of(const fdt::Tree& tree, HartId hart) {
  const auto cpus = tree.find("/cpus");
  if (!cpus) return std::nullopt;
  for (auto cpu = cpus->first_child(); cpu; cpu = cpu->next_sibling()) {
    const auto id = cpu->region(0);
    if (cpu->base_name() != "cpu" || !id || id->address != hart.value) continue;
    const auto controller = cpu->child("interrupt-controller");
    if (!controller) return std::nullopt;
    const auto phandle = controller->property("phandle");
    return phandle ? phandle->as_u32() : std::nullopt;
  }
  return std::nullopt;
}

// The index of the hart's supervisor mode in the controller's list of (phandle, interrupt) pairs.
std::optional<uint32_t> plic_context_of(const fdt::Node& plic, uint32_t hart_phandle) {
  const auto contexts = plic.property("interrupts-extended");
  if (!contexts) return std::nullopt;
  const size_t pairs = contexts->data().size() / (2 * sizeof(uint32_t));
  for (size_t i = 0; i < pairs; ++i) {
    if (big_endian_word(contexts->data(), 2 * i) == hart_phandle &&
        big_endian_word(contexts->data(), 2 * i + 1) == kSupervisorExternal) {
      return static_cast<uint32_t>(i);
    }
  }
  return std::nullopt;
}

Result<arch::MmioRegion> map_registers(const fdt::Node& node, DeviceMapper& mapper) {
  const auto region = node.region(0);
  if (!region) return fail(ErrorCode::Malformed, format("{}: no \"reg\"", node.name()));
  return mapper.map(PhysAddr(region->address), ByteSize(region->size));
}

}  // namespace

class Devices::SerialInterrupt final : public dev::InterruptHandler {
 public:
  explicit SerialInterrupt(dev::VirtioSerial& serial) : serial_(serial) {}
  void on_interrupt() noexcept override { serial_.on_interrupt(); }

 private:
  dev::VirtioSerial& serial_;
};

Result<std::unique_ptr<Devices>> Devices::discover(const fdt::Tree& tree, HartId hart,
                                                   DeviceMapper& mapper,
                                                   mm::FrameAllocator& frames) {
  std::unique_ptr<Devices> devices(new Devices(frames));
  TRY(devices->find_interrupt_controller(tree, hart, mapper));
  TRY(devices->find_clock(tree, mapper));
  TRY(devices->find_uart(tree, mapper));
  TRY(devices->find_serial(tree, mapper));
  return devices;
}

Result<void> Devices::find_interrupt_controller(const fdt::Tree& tree, HartId hart,
                                                DeviceMapper& mapper) {
  auto node = tree.find_compatible("riscv,plic0");
  if (!node) node = tree.find_compatible("sifive,plic-1.0.0");
  const auto phandle = interrupt_phandle_of(tree, hart);
  if (!node || !phandle) return {};
  const auto context = plic_context_of(*node, *phandle);
  const auto sources = node->property("riscv,ndev");
  if (!context || !sources || !sources->as_u32()) {
    return fail(ErrorCode::Malformed, format("{}: incomplete interrupt controller", node->name()));
  }
  TRY_ASSIGN(const arch::MmioRegion registers, map_registers(*node, mapper));
  plic_registers_ = std::make_unique<MappedRegisters>(registers);
  plic_ = std::make_unique<dev::Plic>(*plic_registers_, *sources->as_u32());
  plic_context_ = *context;
  plic_->open_context(plic_context_);
  arch::enable_source(arch::InterruptSource::External);
  return {};
}

Result<void> Devices::find_clock(const fdt::Tree& tree, DeviceMapper& mapper) {
  const auto node = tree.find_compatible(dev::kGoldfishRtcCompatible);
  if (!node) return {};
  TRY_ASSIGN(const arch::MmioRegion region, map_registers(*node, mapper));
  MappedRegisters registers(region);
  realtime_at_zero_ns_ = dev::read_goldfish_rtc_ns(registers) - arch::now_ns();
  return {};
}

Result<void> Devices::find_uart(const fdt::Tree& tree, DeviceMapper& mapper) {
  const auto node = tree.find_compatible(dev::kUartCompatible);
  const auto interrupt = node ? node->property("interrupts") : std::nullopt;
  if (!plic_ || !interrupt || !interrupt->as_u32()) return {};
  TRY_ASSIGN(const arch::MmioRegion region, map_registers(*node, mapper));
  uart_registers_ = std::make_unique<MappedBytes>(region);
  uart_ = std::make_unique<dev::Uart16550>(*uart_registers_);
  TRY(plic_->connect(*interrupt->as_u32(), *uart_));
  plic_->enable(plic_context_, *interrupt->as_u32());
  return {};
}

Result<void> Devices::find_serial(const fdt::Tree& tree, DeviceMapper& mapper) {
  std::optional<Error> error;
  tree.visit([&](const fdt::Node& node) {
    if (!node.is_enabled() || !node.is_compatible_with("virtio,mmio")) return false;
    auto found = try_serial(node, mapper);
    if (found) return *found;
    error = std::move(found).error();
    return true;
  });
  if (error) return std::unexpected(std::move(*error));
  return {};
}

// Whether the slot holds the serial device, which is then ours.
Result<bool> Devices::try_serial(const fdt::Node& node, DeviceMapper& mapper) {
  TRY_ASSIGN(const arch::MmioRegion region, map_registers(node, mapper));
  auto registers = std::make_unique<MappedRegisters>(region);
  dev::VirtioMmio slot(*registers);
  const auto id = slot.probe();
  // A slot that is empty or of another generation is not an error of the machine.
  if (!id || *id != dev::VirtioDeviceId::Console) return false;
  serial_registers_ = std::move(registers);
  TRY_ASSIGN(serial_, dev::VirtioSerial::create(*serial_registers_, dma_));
  const auto interrupt = node.property("interrupts");
  if (plic_ && interrupt && interrupt->as_u32()) {
    serial_interrupt_ = std::make_unique<SerialInterrupt>(*serial_);
    TRY(plic_->connect(*interrupt->as_u32(), *serial_interrupt_));
    plic_->enable(plic_context_, *interrupt->as_u32());
  }
  return true;
}

void Devices::handle_external_interrupt() {
  if (plic_) plic_->dispatch(plic_context_);
}

uint64_t Devices::realtime_ns() const {
  return realtime_at_zero_ns_ + arch::now_ns();
}

}  // namespace nacre::machine
