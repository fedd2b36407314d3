// Interrupt controllers behind one interface: sources with a handler each, delivered to a CPU of one's choice.
//
// A source's life: unconnected → connect() → masked ⇄ unmasked → disconnect(). Nothing is delivered before unmask(), so that
// whoever registers is ready first. Delivery to a CPU ends in dispatch() on that CPU: claim, handler, completion, until
// nothing is pending.
//
// What nobody wants is masked (spurious), and so is what does not cease (storm): a device that holds on to its line must not
// keep a CPU from everything else.
//
// Every CPU calls at any time. A source is served by one CPU at a time only as far as its controller sees to it; handlers are
// told nothing twice by that, and take care of their own data.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "nacre/base/core/address.hh"
#include "nacre/base/core/error.hh"
#include "nacre/base/coro/event.hh"
#include "nacre/base/coro/spin_lock.hh"
#include "nacre/base/coro/task.hh"

namespace nacre::dev {

class InterruptHandler {
 public:
  virtual ~InterruptHandler() = default;
  // On the CPU that the source is delivered to, with interrupts off.
  virtual void on_interrupt() noexcept = 0;
};

// The second cell of "interrupts", where a controller has one (1, 2, 4, 8).
enum class Trigger : uint8_t { Rising, Falling, High, Low };

class InterruptController {
 public:
  static constexpr uint32_t kMaxSources = 128;
  static constexpr uint32_t kMaxCpus = 64;
  // Interrupts of one source that a dispatch serves before it takes the device for broken.
  static constexpr uint32_t kStorm = 1000;

  virtual ~InterruptController() = default;
  InterruptController(const InterruptController&) = delete;
  InterruptController& operator=(const InterruptController&) = delete;

  // "PLIC", "APLIC", …
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  // On the CPU itself: interrupts may be delivered to it from now on. False: the controller does not reach it.
  bool open_cpu(CpuId cpu) noexcept;
  [[nodiscard]] bool is_open(CpuId cpu) const noexcept;

  // Source numbers are 1 … sources().
  [[nodiscard]] uint32_t sources() const noexcept { return sources_; }
  // From now on `source` calls `handler`, on `cpu`, once it is unmasked. InvalidArgument for a source that does not exist or a
  // CPU that is not open, AlreadyExists if it has a handler.
  [[nodiscard]] Result<void> connect(uint32_t source, InterruptHandler& handler, Trigger trigger,
                                     CpuId cpu);
  // Masks the source. On return the handler runs nowhere any more; not from inside it.
  void disconnect(uint32_t source) noexcept;
  // What comes while a level source is masked is delivered later.
  void mask(uint32_t source) noexcept;
  void unmask(uint32_t source) noexcept;
  [[nodiscard]] bool is_masked(uint32_t source) const noexcept;

  // Delivers a connected source to another CPU from now on. Errors as of connect().
  [[nodiscard]] Result<void> route(uint32_t source, CpuId cpu);
  // Deals the connected sources out to all open CPUs, in turn.
  void spread() noexcept;
  // Where a connected source is delivered.
  [[nodiscard]] std::optional<CpuId> target(uint32_t source) const noexcept;

  // Serves everything that is pending for the CPU that calls. Returns how many interrupts that were.
  uint32_t dispatch(CpuId cpu) noexcept;

  // How often each source was served.
  [[nodiscard]] uint64_t handled(uint32_t source) const noexcept {
    return handled_[source].load(std::memory_order_relaxed);
  }
  // Interrupts that nobody wanted or that were gone when they were looked for; sources masked since they did not cease.
  [[nodiscard]] uint64_t spurious() const noexcept {
    return spurious_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] uint64_t storms() const noexcept { return storms_.load(std::memory_order_relaxed); }
  // Messages from one CPU to another that came through the controller, by the CPU that got them.
  [[nodiscard]] uint64_t pokes(CpuId cpu) const noexcept {
    return pokes_[cpu.value % kMaxCpus].count.load(std::memory_order_relaxed);
  }
  [[nodiscard]] uint64_t pokes() const noexcept;
  // On the CPU that got one.
  void note_poke(CpuId cpu) noexcept {
    // Nobody else writes it, so that load and store need not be one.
    std::atomic<uint64_t>& mine = pokes_[cpu.value % kMaxCpus].count;
    mine.store(mine.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  // Masks a source that comes again and again for nothing.
  void stop_storm(uint32_t source) noexcept;

 protected:
  // What claim() returns besides source numbers.
  static constexpr uint32_t kNothing = 0;
  static constexpr uint32_t kForCpu =
      ~uint32_t{0};  // a message to the CPU itself, served by its arrival

  explicit InterruptController(uint32_t sources) noexcept
      : sources_(sources < kMaxSources ? sources : kMaxSources) {}

  // The hardware's part. `cpu` is open in all but open_hardware, `source` exists.
  [[nodiscard]] virtual bool open_hardware(CpuId cpu) noexcept = 0;
  // Makes a fresh source one of this kind, masked.
  virtual void configure(uint32_t source, Trigger trigger) noexcept = 0;
  virtual void deliver_to(uint32_t source, CpuId cpu) noexcept REQUIRES(lock_) = 0;
  virtual void set_masked(uint32_t source, bool masked) noexcept = 0;
  [[nodiscard]] virtual uint32_t claim(CpuId cpu) noexcept = 0;
  // `target` is where the source is delivered now.
  virtual void complete(uint32_t source, CpuId target) noexcept REQUIRES(lock_) = 0;
  // Whether completions matter to this hardware.
  [[nodiscard]] virtual bool needs_completion() const noexcept = 0;

  // An interrupt that turned out to be none.
  void note_spurious() noexcept { spurious_.fetch_add(1, std::memory_order_relaxed); }
  // Of a source that is or was connected.
  [[nodiscard]] bool is_level(uint32_t source) const noexcept {
    return connections_[source].trigger >= Trigger::High;
  }

  coro::SpinLock lock_{LockRank::Interrupts};

 private:
  struct Source {
    // nullptr or the handler. The release of connect pairs with the acquire of serve.
    std::atomic<InterruptHandler*> handler{nullptr};
    // CPUs between their look at `handler` and its return. Sequentially consistent with `handler`: either serve sees the
    // nullptr of disconnect, or disconnect sees serve.
    std::atomic<uint32_t> inside{0};
    std::atomic<bool> masked{true};
    std::atomic<uint8_t> cpu{0};  // of a connected one; changes under the lock
    Trigger trigger = Trigger::High;
  };

  [[nodiscard]] bool is_source(uint32_t source) const noexcept {
    return source != 0 && source <= sources_;
  }
  [[nodiscard]] Result<void> check(uint32_t source, CpuId cpu) const;
  void serve(uint32_t source) noexcept;

  const uint32_t sources_;
  std::array<Source, kMaxSources + 1> connections_{};
  std::array<std::atomic<uint64_t>, kMaxSources + 1> handled_{};
  std::atomic<uint64_t> open_cpus_{0};  // bit n: CpuId n
  std::atomic<uint64_t> spurious_{0};
  std::atomic<uint64_t> storms_{0};
  // A cache line each: they count often.
  struct alignas(64) Pokes {
    std::atomic<uint64_t> count{0};
  };
  std::array<Pokes, kMaxCpus> pokes_{};
};

// An interrupt that a task waits for. The source is masked but for the time between wait() and the interrupt, so that the task
// serves the device at leisure; what happens meanwhile is delivered by the next wait().
//
//   while (co_await interrupt->wait()) {
//     if (device.serve()) interrupt->note_served();
//   }
class AwaitableInterrupt final : public InterruptHandler {
 public:
  // Takes the source's handler. The controller outlives this. Errors as of InterruptController::connect.
  [[nodiscard]] static Result<std::unique_ptr<AwaitableInterrupt>> connect(
      InterruptController& controller, uint32_t source, Trigger trigger, CpuId cpu);
  ~AwaitableInterrupt() override;

  // Until the source is pending. One waiter at a time. False, and masked for good: it came kStorm times in a row without
  // anything to serve.
  [[nodiscard]] coro::Task<bool> wait();
  // The device did want something.
  void note_served() noexcept { in_vain_ = 0; }
  [[nodiscard]] uint32_t source() const noexcept { return source_; }

  void on_interrupt() noexcept override;

 private:
  AwaitableInterrupt(InterruptController& controller, uint32_t source) noexcept
      : controller_(controller), source_(source) {}

  InterruptController& controller_;
  uint32_t source_;
  uint32_t in_vain_ = 0;  // waits since the last note_served()
  coro::Event happened_;
};

}  // namespace nacre::dev
