#include "nacre/kernel/machine/interrupts.hh"

#include <array>
#include <memory>
#include <utility>

#include "nacre/base/core/format.hh"
#include "nacre/kernel/arch/cpus.hh"
#include "nacre/kernel/arch/imsic.hh"
#include "nacre/kernel/arch/interrupts.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/dev/aplic.hh"
#include "nacre/kernel/dev/imsic_layout.hh"
#include "nacre/kernel/dev/plic.hh"
#include "nacre/kernel/trace/span.hh"
#include "nacre/kernel/trap/dispatch.hh"

namespace nacre::machine {
namespace {

using dev::cell_of;

// Number of supervisor external interrupts in a hart's own controller (privileged architecture, scause 9).
constexpr uint32_t kSupervisorExternal = 9;
// What a controller's list of harts says of one that is not in it.
constexpr uint32_t kAbsent = ~uint32_t{0};
static_assert(kAbsent == dev::Plic::kNoContext && kAbsent == dev::AplicDomain::kNoHart);

class ThisCpuImsic final : public dev::ImsicRegisters {
 public:
  [[nodiscard]] uint64_t read(uint64_t select) noexcept override {
    return arch::read_imsic(select);
  }
  void write(uint64_t select, uint64_t value) noexcept override {
    arch::write_imsic(select, value);
  }
  [[nodiscard]] uint32_t claim() noexcept override { return arch::claim_imsic(); }
};

// Made once and never destroyed: interrupts may come as long as the machine runs.
struct Found {
  std::unique_ptr<MappedRegisters> registers;
  std::unique_ptr<dev::InterruptController> controller;
  ThisCpuImsic imsic;
  bool has_messages = false;        // there are IMSICs
  std::optional<uint32_t> phandle;  // by which devices name the controller
  // Of each CPU's IMSIC; unmapped without IMSICs.
  std::array<arch::MmioRegion, arch::kMaxCpus> message_files{};
};
constinit Found* found = nullptr;

[[gnu::noinline]] void dispatch() {
  const trace::Span span("interrupt");
  found->controller->dispatch(arch::this_cpu().id);
}

// With IMSICs: a poke is over when it has arrived, and most often it is alone. Whoever serves interrupts comes back for what is
// pending besides.
static_assert(dev::MessageAplic::kPokeNumber == 1);
void serve_messages() {
  if (!arch::claim_first_of_imsic()) return dispatch();
  found->controller->note_poke(arch::this_cpu().id);
}

// The phandle of the interrupt controller inside the hart's cpu node.
std::optional<uint32_t> interrupt_phandle_of(const fdt::Tree& tree, HartId hart) {
  const auto cpus = tree.find("/cpus");
  if (!cpus) return std::nullopt;
  for (auto cpu = cpus->first_child(); cpu; cpu = cpu->next_sibling()) {
    const auto id = cpu->region(0);
    if (cpu->base_name() != "cpu" || !id || id->address != hart.value) continue;
    const auto controller = cpu->child("interrupt-controller");
    return controller ? cell_of(*controller, "phandle", 0) : std::nullopt;
  }
  return std::nullopt;
}

// Where in the controller's list of (phandle, interrupt) pairs each CPU's supervisor mode is, or kAbsent.
std::array<uint32_t, arch::kMaxCpus> places_in(const fdt::Tree& tree, const fdt::Node& controller,
                                               std::span<const HartId> harts) {
  std::array<uint32_t, arch::kMaxCpus> places{};
  places.fill(kAbsent);
  for (size_t cpu = 0; cpu < harts.size(); ++cpu) {
    const auto hart = interrupt_phandle_of(tree, harts[cpu]);
    for (uint32_t i = 0; hart; ++i) {
      const auto phandle = cell_of(controller, "interrupts-extended", 2 * size_t{i});
      const auto interrupt = cell_of(controller, "interrupts-extended", 2 * size_t{i} + 1);
      if (!phandle || !interrupt) break;
      if (*phandle == *hart && *interrupt == kSupervisorExternal) places[cpu] = i;
    }
  }
  return places;
}

bool is_for_supervisor(const fdt::Node& controller) {
  const auto interrupt = cell_of(controller, "interrupts-extended", 1);
  return interrupt && *interrupt == kSupervisorExternal;
}

std::optional<fdt::Node> find_node(const fdt::Tree& tree, std::string_view compatible,
                                   const auto& accept) {
  std::optional<fdt::Node> match;
  tree.visit([&](const fdt::Node& node) {
    if (!node.is_enabled() || !node.is_compatible_with(compatible) || !accept(node)) return false;
    match = node;
    return true;
  });
  return match;
}

std::unexpected<Error> incomplete(const fdt::Node& node, std::string_view what) {
  return fail(ErrorCode::Malformed, format("{}: no \"{}\"", node.name(), what));
}

Result<void> map_controller(const fdt::Node& node, DeviceMapper& mapper) {
  TRY_ASSIGN(const arch::MmioRegion registers, mapper.map_registers(node));
  found->registers = std::make_unique<MappedRegisters>(registers);
  found->phandle = cell_of(node, "phandle", 0);
  return {};
}

// One that has a wire to each CPU. `property` is the number of its sources.
template <class Controller>
Result<void> make_wired(std::string_view property, const fdt::Tree& tree, const fdt::Node& node,
                        std::span<const HartId> harts, DeviceMapper& mapper) {
  const auto sources = cell_of(node, property, 0);
  if (!sources) return incomplete(node, property);
  TRY(map_controller(node, mapper));
  found->controller =
      std::make_unique<Controller>(*found->registers, *sources, places_in(tree, node, harts));
  return {};
}

Result<void> make_message_aplic(const fdt::Tree& tree, const fdt::Node& aplic,
                                const fdt::Node& imsics, std::span<const HartId> harts,
                                DeviceMapper& mapper) {
  if (!arch::cpu_features().ssaia) {
    return fail(
        ErrorCode::Unsupported,
        format("{}: the CPUs lack Ssaia, so that nobody can claim its interrupts", imsics.name()));
  }
  const auto sources = cell_of(aplic, "riscv,num-sources", 0);
  if (!sources) return incomplete(aplic, "riscv,num-sources");
  const auto last = cell_of(imsics, "riscv,num-ids", 0);
  if (!last || *last > dev::kImsicMaxNumber) return incomplete(imsics, "riscv,num-ids");
  TRY_ASSIGN(const dev::ImsicLayout layout, dev::ImsicLayout::read(imsics));
  TRY(map_controller(aplic, mapper));
  const auto places = places_in(tree, imsics, harts);
  std::array<uint32_t, arch::kMaxCpus> indices{};
  indices.fill(kAbsent);
  for (size_t cpu = 0; cpu < harts.size(); ++cpu) {
    if (places[cpu] == kAbsent) continue;
    TRY_ASSIGN(const dev::ImsicLayout::File file, layout.file(places[cpu]));
    TRY_ASSIGN(found->message_files[cpu], mapper.map(file.address, ByteSize(dev::kImsicFileBytes)));
    indices[cpu] = file.hart_index;
  }
  found->controller = std::make_unique<dev::MessageAplic>(*found->registers, *sources, indices,
                                                          found->imsic, *last);
  found->has_messages = true;
  return {};
}

Result<void> make_controller(const fdt::Tree& tree, std::span<const HartId> harts,
                             DeviceMapper& mapper) {
  if (const auto imsics = find_node(tree, "riscv,imsics", is_for_supervisor)) {
    const auto phandle = cell_of(*imsics, "phandle", 0);
    const auto aplic = find_node(tree, "riscv,aplic", [&](const fdt::Node& node) {
      return phandle && cell_of(node, "msi-parent", 0) == phandle;
    });
    if (aplic) return make_message_aplic(tree, *aplic, *imsics, harts, mapper);
  }
  if (const auto aplic = find_node(tree, "riscv,aplic", is_for_supervisor)) {
    return make_wired<dev::Aplic>("riscv,num-sources", tree, *aplic, harts, mapper);
  }
  for (const std::string_view name : {"riscv,plic0", "sifive,plic-1.0.0"}) {
    if (const auto plic = tree.find_compatible(name))
      return make_wired<dev::Plic>("riscv,ndev", tree, *plic, harts, mapper);
  }
  return {};
}

}  // namespace

Result<void> find_interrupt_controller(const fdt::Tree& tree, std::span<const HartId> harts,
                                       DeviceMapper& mapper) {
  ASSERT(found == nullptr);
  found = new Found;
  if (auto made = make_controller(tree, harts, mapper); !made) {
    found->controller = nullptr;
    return made;
  }
  if (found->controller == nullptr) return {};
  trap::set_interrupt_handler(arch::InterruptSource::External,
                              found->has_messages ? &serve_messages : &dispatch);
  return {};
}

void open_interrupts() noexcept {
  if (interrupt_controller() == nullptr) return;
  const CpuId cpu = arch::this_cpu().id;
  if (!found->controller->open_cpu(cpu)) return;
  arch::enable_source(arch::InterruptSource::External);
  const arch::MmioRegion file = found->message_files[cpu.value];
  if (file.is_mapped()) {
    arch::set_doorbell(cpu, file, dev::kImsicSetPending, dev::MessageAplic::kPokeNumber);
  }
}

dev::InterruptController* interrupt_controller() noexcept {
  return found == nullptr ? nullptr : found->controller.get();
}

std::optional<InterruptLine> interrupt_of(const fdt::Node& device) {
  const auto source = cell_of(device, "interrupts", 0);
  if (!source || interrupt_controller() == nullptr) return std::nullopt;
  // Where harts come in groups, each may have a controller; this is the first one.
  const auto parent = cell_of(device, "interrupt-parent", 0);
  if (parent && parent != found->phandle) return std::nullopt;
  // The numbers are those of the devicetree's interrupt bindings.
  switch (cell_of(device, "interrupts", 1).value_or(4)) {
    case 1:
      return InterruptLine{*source, dev::Trigger::Rising};
    case 2:
      return InterruptLine{*source, dev::Trigger::Falling};
    case 8:
      return InterruptLine{*source, dev::Trigger::Low};
    default:
      return InterruptLine{*source, dev::Trigger::High};
  }
}

}  // namespace nacre::machine
