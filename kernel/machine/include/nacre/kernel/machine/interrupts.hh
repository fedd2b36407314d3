// The machine's interrupt controller, found in the device tree: APLIC with IMSICs, APLIC alone, or PLIC. On a machine with
// IMSICs the CPUs poke each other through them as well. Of several controllers, as machines with groups of harts have, it is the first.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "nacre/base/core/address.hh"
#include "nacre/base/core/error.hh"
#include "nacre/base/fdt/tree.hh"
#include "nacre/kernel/dev/interrupts.hh"
#include "nacre/kernel/machine/device_memory.hh"

namespace nacre::machine {

// Once, on one CPU; `harts[n]` is the hart of CpuId n. A machine without a controller is no error; one with a controller that
// is described wrongly is (Malformed), or one that supervisor mode cannot use (Unsupported).
[[nodiscard]] Result<void> find_interrupt_controller(const fdt::Tree& tree,
                                                     std::span<const HartId> harts,
                                                     DeviceMapper& mapper);
// After it, on every CPU for itself: external interrupts are taken from here on.
void open_interrupts() noexcept;

// nullptr on a machine without one.
[[nodiscard]] dev::InterruptController* interrupt_controller() noexcept;

struct InterruptLine {
  uint32_t source;
  dev::Trigger trigger;
};
// The first entry of a device's "interrupts"; nothing if it has none, or if there is no controller or it is another's.
[[nodiscard]] std::optional<InterruptLine> interrupt_of(const fdt::Node& device);

}  // namespace nacre::machine
