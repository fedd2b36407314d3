// The platform-level interrupt controller (RISC-V PLIC specification 1.0.0). A context is one
// privilege mode of one hart; the device tree says which context is a hart's supervisor mode.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "nacre/base/coro/event.hh"
#include "nacre/base/coro/task.hh"
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
  static constexpr uint32_t kStorm = 1000;

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

  // Takes the handler away again; the caller masked the source before.
  void disconnect(uint32_t source);
  // Whether the source may interrupt anybody at all. It stays pending while it is masked.
  void mask(uint32_t source);
  void unmask(uint32_t source);

  // Claims, handles and completes until nothing is pending for the context. Returns how many were
  // handled. What has no handler is masked, and so is what comes more than kStorm times in one call:
  // its device does not let go, and nothing else would ever run.
  uint32_t dispatch(uint32_t context);

  // How often each source was handled.
  [[nodiscard]] uint64_t handled(uint32_t source) const { return handled_[source]; }
  // Interrupts that nobody wanted or that were gone when they were looked for; sources masked by storms.
  [[nodiscard]] uint64_t spurious() const { return spurious_; }
  [[nodiscard]] uint64_t storms() const { return storms_; }
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
  uint64_t spurious_ = 0;
  uint64_t storms_ = 0;
};

// An interrupt that a task waits for. The source is masked but for the time between wait() and the interrupt, so that the task
// serves the device at leisure; what happens meanwhile is delivered by the next wait().
class AwaitableInterrupt final : public InterruptHandler {
 public:
  // Takes the source's handler. The controller outlives this. Errors as of Plic::connect.
  [[nodiscard]] static Result<std::unique_ptr<AwaitableInterrupt>> connect(Plic& plic,
                                                                           uint32_t context,
                                                                           uint32_t source);
  ~AwaitableInterrupt() override;

  // Until the source is pending. One waiter at a time.
  [[nodiscard]] coro::Task<void> wait();

  void on_interrupt() noexcept override;

 private:
  AwaitableInterrupt(Plic& plic, uint32_t source) noexcept : plic_(plic), source_(source) {}

  Plic& plic_;
  uint32_t source_;
  coro::Event happened_;
};

}  // namespace nacre::dev
