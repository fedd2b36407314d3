#include "nacre/kernel/machine/devices.hh"

#include <optional>

#include "nacre/base/core/format.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/dev/goldfish_rtc.hh"
#include "nacre/kernel/dev/virtio_mmio.hh"
#include "nacre/kernel/trace/log.hh"

namespace nacre::machine {
namespace {

constinit trace::Logger log_devices("devices");

}  // namespace

Result<std::unique_ptr<Devices>> Devices::discover(const fdt::Tree& tree, DeviceMapper& mapper,
                                                   mm::FrameAllocator& frames) {
  std::unique_ptr<Devices> devices(new Devices(frames));
  TRY(devices->find_clock(tree, mapper));
  TRY(devices->find_uart(tree, mapper));
  TRY(devices->find_serial(tree, mapper));
  return devices;
}

// To the CPU that calls: the driver's tasks will run there.
Result<std::unique_ptr<dev::AwaitableInterrupt>> Devices::connect(const InterruptLine& line) {
  return dev::AwaitableInterrupt::connect(*interrupt_controller(), line.source, line.trigger,
                                          arch::this_cpu().id);
}

Result<void> Devices::find_clock(const fdt::Tree& tree, DeviceMapper& mapper) {
  const auto node = tree.find_compatible(dev::kGoldfishRtcCompatible);
  if (!node) return {};
  TRY_ASSIGN(const arch::MmioRegion region, mapper.map_registers(*node));
  MappedRegisters registers(region);
  realtime_at_zero_ns_ = dev::read_goldfish_rtc_ns(registers) - arch::now_ns();
  return {};
}

Result<void> Devices::find_uart(const fdt::Tree& tree, DeviceMapper& mapper) {
  const auto node = tree.find_compatible(dev::kUartCompatible);
  const auto line = node ? interrupt_of(*node) : std::nullopt;
  if (!line) return {};
  TRY_ASSIGN(const arch::MmioRegion region, mapper.map_registers(*node));
  uart_registers_ = std::make_unique<MappedBytes>(region);
  uart_ = std::make_unique<dev::Uart16550>(*uart_registers_);
  TRY_ASSIGN(uart_interrupt_, connect(*line));
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
  TRY_ASSIGN(const arch::MmioRegion region, mapper.map_registers(node));
  auto registers = std::make_unique<MappedRegisters>(region);
  dev::VirtioMmio slot(*registers);
  const auto id = slot.probe();
  // A slot that is empty or of another generation is not an error of the machine.
  if (!id || *id != dev::VirtioDeviceId::Console) return false;
  serial_registers_ = std::move(registers);
  TRY_ASSIGN(serial_, dev::VirtioSerial::create(*serial_registers_, dma_));
  const auto line = interrupt_of(node);
  if (!line) {
    return fail(ErrorCode::Unsupported,
                format("{}: the serial device has no interrupt to wait for", node.name()));
  }
  TRY_ASSIGN(serial_interrupt_, connect(*line));
  return true;
}

coro::Task<void> Devices::serve_uart() {
  while (co_await uart_interrupt_->wait()) {
    if (uart_->poll()) uart_interrupt_->note_served();
  }
  log_devices.error("UART: interrupt {} does not cease; nothing more is read",
                    uart_interrupt_->source());
}

coro::Task<void> Devices::serve_serial() {
  while (co_await serial_interrupt_->wait()) {
    if (serial_->on_interrupt()) serial_interrupt_->note_served();
  }
  log_devices.error("virtio-serial: interrupt {} does not cease; nothing more is served",
                    serial_interrupt_->source());
}

void Devices::serve(coro::Scope& scope) {
  if (uart_) scope.spawn(serve_uart(), coro::Placement::Pinned);
  if (serial_) scope.spawn(serve_serial(), coro::Placement::Pinned);
}

uint64_t Devices::realtime_ns() const {
  return realtime_at_zero_ns_ + arch::now_ns();
}

}  // namespace nacre::machine
