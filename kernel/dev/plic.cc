#include "nacre/kernel/dev/plic.hh"

#include <algorithm>
#include <utility>

namespace nacre::dev {

Plic::Plic(RegisterWindow& registers, uint32_t sources, std::span<const uint32_t> contexts)
    : InterruptController(sources), registers_(registers) {
  contexts_.fill(kNoContext);
  enabled_in_.fill(kNoContext);
  std::copy_n(contexts.begin(), std::min<size_t>(contexts.size(), kMaxCpus), contexts_.begin());
}

// Interrupts of any priority.
bool Plic::open_hardware(CpuId cpu) noexcept {
  const uint32_t context = contexts_[cpu.value];
  if (context == kNoContext) return false;
  registers_.write32(kThreshold + uint64_t{0x1000} * context, 0);
  return true;
}

// The gateways know their triggers.
void Plic::configure(uint32_t source, Trigger) noexcept {
  set_masked(source, true);
}

void Plic::set_masked(uint32_t source, bool masked) noexcept {
  registers_.write32(kPriority + uint64_t{4} * source, masked ? 0 : 1);
}

void Plic::deliver_to(uint32_t source, CpuId cpu) noexcept {
  // The new one first: at every moment somebody can complete it.
  const uint32_t context = contexts_[cpu.value];
  change_enable(context, source, true);
  const uint32_t before = std::exchange(enabled_in_[source], context);
  if (before != kNoContext && before != context) change_enable(before, source, false);
}

void Plic::change_enable(uint32_t context, uint32_t source, bool on) noexcept {
  const uint64_t offset = kEnable + uint64_t{0x80} * context + uint64_t{4} * (source / 32);
  const uint32_t bit = uint32_t{1} << source % 32;
  const uint32_t old = registers_.read32(offset);
  registers_.write32(offset, on ? old | bit : old & ~bit);
}

uint32_t Plic::claim(CpuId cpu) noexcept {
  return registers_.read32(kClaim + uint64_t{0x1000} * contexts_[cpu.value]);
}

void Plic::complete(uint32_t source, CpuId target) noexcept {
  registers_.write32(kClaim + uint64_t{0x1000} * contexts_[target.value], source);
}

}  // namespace nacre::dev
