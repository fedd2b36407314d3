#include "nacre/kernel/dev/aplic.hh"

#include <algorithm>

#include "nacre/base/core/panic.hh"

namespace nacre::dev {
namespace {

constexpr uint32_t kInterruptEnable = 1 << 8;  // domaincfg.IE
constexpr uint32_t kHartShift = 18;            // target: hart index
constexpr uint32_t kIdentityShift = 16;        // claimi: number of the source

// sourcecfg.SM, table 4.2.
constexpr uint32_t kRising = 4;
constexpr uint32_t kHigh = 6;
constexpr uint32_t mode_of(Trigger trigger) {
  switch (trigger) {
    case Trigger::Rising:
      return kRising;
    case Trigger::Falling:
      return kRising + 1;
    case Trigger::High:
      return kHigh;
    case Trigger::Low:
      return kHigh + 1;
  }
  return kHigh;
}

}  // namespace

// ---- the domain -------------------------------------------------------------------------------------------------

AplicDomain::AplicDomain(RegisterWindow& registers, uint32_t sources,
                         std::span<const uint32_t> harts, Delivery delivery)
    : InterruptController(sources), registers_(registers) {
  harts_.fill(kNoHart);
  std::copy_n(harts.begin(), std::min<size_t>(harts.size(), kMaxCpus), harts_.begin());
  for (uint32_t first = 0; first <= this->sources(); first += 32) {
    registers_.write32(kClearEnable + first / 8, ~uint32_t{0});
  }
  for (uint32_t source = 1; source <= this->sources(); ++source) {
    registers_.write32(kSourceConfig + uint64_t{4} * (source - 1), 0);
  }
  registers_.write32(kDomainConfig, kInterruptEnable | static_cast<uint32_t>(delivery));
}

void AplicDomain::configure(uint32_t source, Trigger trigger) noexcept {
  registers_.write32(kClearEnableNumber, source);
  registers_.write32(kSourceConfig + uint64_t{4} * (source - 1), mode_of(trigger));
}

void AplicDomain::set_masked(uint32_t source, bool masked) noexcept {
  registers_.write32(masked ? kClearEnableNumber : kSetEnableNumber, source);
}

void AplicDomain::set_target(uint32_t source, CpuId cpu, uint32_t rest) noexcept {
  registers_.write32(kTarget + uint64_t{4} * (source - 1), harts_[cpu.value] << kHartShift | rest);
}

bool AplicDomain::is_line_active(uint32_t source) noexcept {
  return (registers_.read32(kLines + uint64_t{4} * (source / 32)) >> source % 32 & 1) != 0;
}

// ---- direct -----------------------------------------------------------------------------------------------------

bool Aplic::open_hardware(CpuId cpu) noexcept {
  const uint32_t hart = harts_[cpu.value];
  if (hart == kNoHart) return false;
  const uint64_t control = kDeliveryControl + uint64_t{32} * hart;
  registers_.write32(control + kThreshold, 0);
  registers_.write32(control + kDelivery, 1);
  return true;
}

void Aplic::deliver_to(uint32_t source, CpuId cpu) noexcept {
  set_target(source, cpu, kPriority);
}

// A level source is pending while its line is active; a controller that is slow to see it fall is not believed.
uint32_t Aplic::claim(CpuId cpu) noexcept {
  const uint64_t claim = kDeliveryControl + uint64_t{32} * harts_[cpu.value] + kClaim;
  for (uint32_t looks = 0; looks < kStorm; ++looks) {
    const uint32_t source = registers_.read32(claim) >> kIdentityShift;
    if (source == kNothing || source > sources() || !is_level(source) || is_line_active(source)) {
      return source;
    }
    note_spurious();
  }
  return kNothing;
}

// ---- by message -------------------------------------------------------------------------------------------------

MessageAplic::MessageAplic(RegisterWindow& registers, uint32_t sources,
                           std::span<const uint32_t> harts, ImsicRegisters& imsic,
                           uint32_t last_number)
    : AplicDomain(registers,
                  std::min(sources, last_number > kPokeNumber ? last_number - kPokeNumber : 0),
                  harts, Delivery::Messages),
      imsic_(imsic) {}

// Every number is let in on every CPU; what is wanted is decided at the sources.
bool MessageAplic::open_hardware(CpuId cpu) noexcept {
  if (harts_[cpu.value] == kNoHart) return false;
  open_imsic(imsic_, number_of(sources()));
  return true;
}

void MessageAplic::deliver_to(uint32_t source, CpuId cpu) noexcept {
  set_target(source, cpu, number_of(source));
}

void MessageAplic::set_masked(uint32_t source, bool masked) noexcept {
  AplicDomain::set_masked(source, masked);
  // The line may have become active and sent its message before.
  if (!masked) ask_again(source);
}

// A message for a level source whose line is active. The line is looked at first: not every controller does it by itself.
void MessageAplic::ask_again(uint32_t source) noexcept {
  if (is_level(source) && is_line_active(source)) registers_.write32(kSetPendingNumber, source);
}

uint32_t MessageAplic::claim(CpuId cpu) noexcept {
  const uint32_t number = imsic_.claim();
  if (number == 0) return kNothing;
  if (number == kPokeNumber) {
    note_poke(cpu);
    return kForCpu;
  }
  return number - kPokeNumber;
}

void MessageAplic::complete(uint32_t source, CpuId) noexcept {
  if (source <= sources() && !is_masked(source)) ask_again(source);
}

}  // namespace nacre::dev
