// The platform-level interrupt controller (RISC-V PLIC specification 1.0.0). A context is one
// privilege mode of one hart; the device tree says which context is a hart's supervisor mode.
//
// A source is masked by its priority and not by the enable bits: a completion counts only in a context in which the source is
// enabled.
#pragma once

#include <array>
#include <cstdint>

#include "nacre/kernel/dev/access.hh"
#include "nacre/kernel/dev/interrupts.hh"

namespace nacre::dev {

class Plic final : public InterruptController {
 public:
  static constexpr uint32_t kNoContext = ~uint32_t{0};

  // `registers` outlives this. `contexts[n]` is that of CpuId n, or kNoContext. More than kMaxSources sources are left alone.
  Plic(RegisterWindow& registers, uint32_t sources, std::span<const uint32_t> contexts);

  [[nodiscard]] std::string_view name() const noexcept override { return "PLIC"; }

 private:
  // Register map (PLIC 1.0.0, chapter 3).
  static constexpr uint64_t kPriority = 0;           // + 4 * source
  static constexpr uint64_t kEnable = 0x2000;        // + 0x80 * context + 4 * (source / 32)
  static constexpr uint64_t kThreshold = 0x20'0000;  // + 0x1000 * context
  static constexpr uint64_t kClaim = 0x20'0004;      // + 0x1000 * context

  [[nodiscard]] bool open_hardware(CpuId cpu) noexcept override;
  void configure(uint32_t source, Trigger trigger) noexcept override;
  void deliver_to(uint32_t source, CpuId cpu) noexcept override REQUIRES(lock_);
  void set_masked(uint32_t source, bool masked) noexcept override;
  [[nodiscard]] uint32_t claim(CpuId cpu) noexcept override;
  void complete(uint32_t source, CpuId target) noexcept override REQUIRES(lock_);
  [[nodiscard]] bool needs_completion() const noexcept override { return true; }

  void change_enable(uint32_t context, uint32_t source, bool on) noexcept REQUIRES(lock_);

  RegisterWindow& registers_;
  std::array<uint32_t, kMaxCpus> contexts_;
  // Where each source was delivered last, or kNoContext; also of one that is not connected any more.
  std::array<uint32_t, kMaxSources + 1> enabled_in_ GUARDED_BY(lock_);
};

}  // namespace nacre::dev
