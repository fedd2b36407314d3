// The platform-level interrupt controller (RISC-V PLIC specification 1.0.0). A context is one
// privilege mode of one hart; the device tree says which context is a hart's supervisor mode.
#pragma once

#include <array>
#include <cstdint>

#include "nacre/kernel/dev/access.hh"

namespace nacre::dev {

class InterruptHandler {
 public:
  virtual ~InterruptHandler() = default;
  virtual void on_interrupt() noexcept = 0;
};

class Plic {
 public:
  static constexpr uint32_t kMaxSources = 128;

  // `registers` outlives this. Source numbers are 1 … sources; more than kMaxSources are left
  // alone.
  Plic(RegisterWindow& registers, uint32_t sources);

  // Lets a context take interrupts of any priority.
  void open_context(uint32_t context);
  // From now on `source` calls `handler`, in whichever context claims it. InvalidArgument for a
  // source that does not exist, AlreadyExists if it has a handler. The handler outlives the
  // controller.
  [[nodiscard]] Result<void> connect(uint32_t source, InterruptHandler& handler);
  // Lets the source interrupt this context.
  void enable(uint32_t context, uint32_t source);
  void disable(uint32_t context, uint32_t source);

  // Claims, handles and completes until nothing is pending for the context. Returns how many were
  // handled.
  uint32_t dispatch(uint32_t context);

  // How often each source was handled.
  [[nodiscard]] uint64_t handled(uint32_t source) const { return handled_[source]; }
  [[nodiscard]] uint32_t sources() const { return sources_; }

 private:
  // Register map (PLIC 1.0.0, chapter 3).
  static constexpr uint64_t kPriority = 0;           // + 4 * source
  static constexpr uint64_t kEnable = 0x2000;        // + 0x80 * context + 4 * (source / 32)
  static constexpr uint64_t kThreshold = 0x20'0000;  // + 0x1000 * context
  static constexpr uint64_t kClaim = 0x20'0004;      // + 0x1000 * context

  [[nodiscard]] bool is_source(uint32_t source) const { return source != 0 && source <= sources_; }
  void change_enable(uint32_t context, uint32_t source, bool on);

  RegisterWindow& registers_;
  uint32_t sources_;
  std::array<InterruptHandler*, kMaxSources + 1> handlers_{};
  std::array<uint64_t, kMaxSources + 1> handled_{};
};

}  // namespace nacre::dev
