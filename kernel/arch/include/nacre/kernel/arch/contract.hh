// What an architecture provides, as concepts. An implementation (riscv64/) is checked against them
// in its contract.cc, through a type whose static members are its functions; the headers of this
// folder say what each must do.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>

#include "nacre/kernel/arch/interrupts.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/arch/per_cpu.hh"

namespace nacre::arch {

template <class A>
concept InterruptControl = requires(InterruptSource source) {
  { A::enabled() } -> std::same_as<bool>;
  A::enable();
  A::disable();
  A::enable_source(source);
  A::disable_source(source);
  { A::pending() } -> std::same_as<std::optional<InterruptSource>>;
  A::wait();
};

template <class A>
concept ClockAndTimer = requires(uint64_t n) {
  { A::now_ticks() } -> std::same_as<uint64_t>;
  { A::ticks_per_second() } -> std::same_as<uint64_t>;
  { A::now_ns() } -> std::same_as<uint64_t>;
  A::set_deadline(n);
  A::cancel();
};

template <class A>
concept Translation = requires(uint64_t root, uint16_t space, UserAddr address, ByteSize size) {
  A::switch_to(root);
  { A::current() } -> std::same_as<uint64_t>;
  A::flush_range(space, address, size);
  A::flush_space(space);
  A::flush_everything();
  A::synchronise_instructions();
};

template <class A>
concept MachineControl = requires(std::string_view text, uint8_t status) {
  A::write(text);
  A::stop(status);
  { A::this_cpu() } -> std::same_as<PerCpu&>;
  { A::features() } -> std::same_as<const CpuFeatures&>;
};

template <class A>
concept Architecture =
    InterruptControl<A> && ClockAndTimer<A> && Translation<A> && MachineControl<A>;

}  // namespace nacre::arch
