// The advanced platform-level interrupt controller (RISC-V Advanced Interrupt Architecture 1.0, chapter 4), one interrupt
// domain: either it interrupts harts directly (Aplic), or it sends messages to their IMSICs (MessageAplic).
//
// There are no completions. Direct: a level source is pending while its line is active. By message: a level source sends one
// message when its line becomes active; whoever has served it asks for another if the line is active still (section 4.9.2).
#pragma once

#include <array>
#include <cstdint>

#include "nacre/kernel/dev/access.hh"
#include "nacre/kernel/dev/imsic.hh"
#include "nacre/kernel/dev/interrupts.hh"

namespace nacre::dev {

// What both ways have in common.
class AplicDomain : public InterruptController {
 public:
  static constexpr uint32_t kNoHart = ~uint32_t{0};

 protected:
  enum class Delivery : uint32_t { Direct = 0, Messages = 1 << 2 /* domaincfg.DM */ };

  // `harts[n]` is what the domain calls the hart of CpuId n, or kNoHart. All sources are inactive at first.
  AplicDomain(RegisterWindow& registers, uint32_t sources, std::span<const uint32_t> harts,
              Delivery delivery);

  void configure(uint32_t source, Trigger trigger) noexcept override;
  void set_masked(uint32_t source, bool masked) noexcept override;
  // `rest`: the lower bits of the source's target register (section 4.5.16).
  void set_target(uint32_t source, CpuId cpu, uint32_t rest) noexcept;
  // Whether the source's line is active, as its trigger sees it.
  [[nodiscard]] bool is_line_active(uint32_t source) noexcept;

  // Registers, section 4.5.
  static constexpr uint64_t kDomainConfig = 0x0000;
  static constexpr uint64_t kSourceConfig = 0x0004;     // + 4 * (source - 1)
  static constexpr uint64_t kLines = 0x1d00;            // in_clrip, reading; + 4 * (source / 32)
  static constexpr uint64_t kSetEnableNumber = 0x1edc;  // setienum
  static constexpr uint64_t kClearEnable = 0x1f00;      // clrie; + 4 * (source / 32)
  static constexpr uint64_t kClearEnableNumber = 0x1fdc;
  static constexpr uint64_t kSetPendingNumber = 0x1cdc;  // setipnum
  static constexpr uint64_t kTarget = 0x3004;            // + 4 * (source - 1)
  static constexpr uint64_t kDeliveryControl = 0x4000;   // + 32 * hart

  RegisterWindow& registers_;
  std::array<uint32_t, kMaxCpus> harts_;
};

class Aplic final : public AplicDomain {
 public:
  Aplic(RegisterWindow& registers, uint32_t sources, std::span<const uint32_t> harts)
      : AplicDomain(registers, sources, harts, Delivery::Direct) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "APLIC"; }

 private:
  // In a hart's delivery control structure, section 4.8.1.
  static constexpr uint64_t kDelivery = 0x00;
  static constexpr uint64_t kThreshold = 0x08;
  static constexpr uint64_t kClaim = 0x1c;
  static constexpr uint32_t kPriority = 1;

  [[nodiscard]] bool open_hardware(CpuId cpu) noexcept override;
  void deliver_to(uint32_t source, CpuId cpu) noexcept override REQUIRES(lock_);
  [[nodiscard]] uint32_t claim(CpuId cpu) noexcept override;
  void complete(uint32_t, CpuId) noexcept override REQUIRES(lock_) {}
  [[nodiscard]] bool needs_completion() const noexcept override { return false; }
};

// With the IMSICs behind it. Number kPokeNumber of each is for the CPUs' messages to each other; source n has the n-th after.
// The lower the number, the more urgent (section 3.2): pokes come first, and a kernel may look for one before it dispatches.
class MessageAplic final : public AplicDomain {
 public:
  static constexpr uint32_t kPokeNumber = 1;

  // `imsic` is that of whatever CPU calls; its numbers end at `last_number`, which bounds the sources. Both outlive this.
  MessageAplic(RegisterWindow& registers, uint32_t sources, std::span<const uint32_t> harts,
               ImsicRegisters& imsic, uint32_t last_number);

  [[nodiscard]] std::string_view name() const noexcept override { return "APLIC and IMSIC"; }

 private:
  [[nodiscard]] static uint32_t number_of(uint32_t source) noexcept { return kPokeNumber + source; }

  [[nodiscard]] bool open_hardware(CpuId cpu) noexcept override;
  void deliver_to(uint32_t source, CpuId cpu) noexcept override REQUIRES(lock_);
  void set_masked(uint32_t source, bool masked) noexcept override;
  [[nodiscard]] uint32_t claim(CpuId cpu) noexcept override;
  void complete(uint32_t source, CpuId target) noexcept override REQUIRES(lock_);
  [[nodiscard]] bool needs_completion() const noexcept override { return true; }

  void ask_again(uint32_t source) noexcept;

  ImsicRegisters& imsic_;
};

}  // namespace nacre::dev
