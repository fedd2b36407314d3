// One CPU's executor: runs what is ready, takes work from other CPUs when it has none, sleeps until the next deadline or
// interrupt when nobody has any.
//
// The loop:
//   take remote work → poll the port's interrupts → expire timers → run a batch of ready strands → again;
//   nothing ready:  steal from another CPU;
//   nothing there:  look for some hundred instructions whether another CPU leaves something;
//   still nothing:  publish that we sleep → look at all queues once more → arm the next deadline → wait for an interrupt.
// Another CPU first queues its work, then looks whether we sleep (a sequentially consistent fence between, on both sides):
// either it sees that and pokes, or our second look sees the work. Interrupts are masked all along; a pending one ends the
// wait, so nothing falls into the gap before it. Going to user mode is like sleeping: arm_until() publishes it, and work that
// came in between makes the slice end at once.
//
// Executors that may steal from each other and wake each other form a Group. All but post_remote belongs to the CPU itself.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "nacre/base/core/address.hh"
#include "nacre/base/coro/atomic.hh"
#include "nacre/base/coro/scheduler.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/base/coro/task.hh"

namespace nacre::exec {

// What the executor needs of its CPU. The kernel's is over kernel/arch (kernel_port.hh).
class CpuPort {
 public:
  virtual ~CpuPort() = default;
  [[nodiscard]] virtual uint64_t now_ns() noexcept = 0;
  // The timer interrupt becomes pending at the deadline; coro::kNever: never. Replaces the deadline before.
  virtual void arm_deadline(uint64_t deadline_ns) noexcept = 0;
  // Returns when an interrupt is pending; may return early. Interrupts are masked.
  virtual void wait_for_interrupt() noexcept = 0;
  // Serves pending interrupts other than the timer's: devices, pokes. May wake coroutines.
  virtual void serve_interrupts() = 0;
  // Makes an interrupt pending on the CPU of this port. Called on another.
  virtual void poke() noexcept = 0;
};

// A piece of work for another CPU. Lives with the sender until it has run.
class RemoteWork {
 public:
  using Run = void (*)(RemoteWork&) noexcept;
  explicit RemoteWork(Run run) noexcept : run_(run) {}

 private:
  friend class Executor;
  RemoteWork* next_ = nullptr;
  Run run_;
};

class Executor;

// The executors of a machine, by CpuId.
class Group {
 public:
  static constexpr size_t kMaxCpus = 64;

  // From now on the others see it.
  void add(Executor& executor) noexcept;
  // nullptr if that CPU has none (yet).
  [[nodiscard]] Executor* find(CpuId cpu) const noexcept {
    return cpu.value < kMaxCpus ? members_[cpu.value].load(std::memory_order_acquire) : nullptr;
  }
  // CPU numbers are below this.
  [[nodiscard]] size_t size() const noexcept { return size_.load(std::memory_order_acquire); }

 private:
  friend class Executor;

  // Wakes one that sleeps, if there is one, to steal.
  void wake_one() noexcept;
  // Whether somebody else has something to steal.
  [[nodiscard]] bool has_stealable(const Executor& thief) const noexcept;

  std::array<coro::Atomic<Executor*>, kMaxCpus> members_{};
  coro::Atomic<size_t> size_{0};
  // One bit a CPU that has nothing to do, set before its last look at the queues; cleared by whoever wakes it, or by itself.
  coro::Atomic<uint64_t> sleeping_{0};
};

class Executor final : private coro::Scheduler::Monitor {
 public:
  // Borrows the port and the group.
  Executor(CpuId cpu, CpuPort& port, Group* group = nullptr) noexcept
      : port_(port), group_(group), scheduler_(*this), cpu_(cpu) {
    if (group != nullptr) group->add(*this);
  }
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Runs until stop() is called by something that runs here.
  void run();
  void stop() noexcept { stopping_ = true; }

  // Runs the loop until the task has ended, and returns its result or throws what it threw. Other tasks run as well. If
  // stop() was called meanwhile the task is cancelled with everything in it, and Stopped is thrown.
  struct Stopped {};
  template <class T>
  T block_on(coro::Task<T> task);

  // One turn without sleeping: false if there was nothing to do.
  bool turn();

  // Before the CPU leaves for user mode: interrupts it at the deadline, or earlier if a timer of ours is due or another CPU
  // wants something here.
  void arm_until(uint64_t deadline_ns) noexcept;

  // From any CPU: `work` runs here, soon. The node may be reused once it has run.
  void post_remote(RemoteWork& work) noexcept;

  // Whether anything could run here now, or be taken from another CPU.
  [[nodiscard]] bool has_work() const noexcept;

  [[nodiscard]] uint64_t now_ns() noexcept { return port_.now_ns(); }
  [[nodiscard]] coro::Scheduler& scheduler() noexcept { return scheduler_; }
  [[nodiscard]] CpuId cpu() const noexcept { return cpu_; }

  struct Statistics {
    uint64_t resumed = 0;  // coroutines
    uint64_t remote = 0;   // pieces of work from other CPUs
    uint64_t waits = 0;    // times that there was nothing to do
    uint64_t stolen = 0;   // strands taken from other CPUs
  };
  [[nodiscard]] const Statistics& statistics() const noexcept { return statistics_; }

 private:
  friend class Group;

  // What others must do to be noticed here.
  //   Awake → Sleeping, InUser   by us, before the last look at the queues
  //   → Awake                    by us; or by another CPU, which then pokes
  enum class Activity : uint32_t { Awake, Sleeping, InUser };

  void on_queued(coro::Scheduler& scheduler, bool local,
                 coro::Placement placement) noexcept override;
  void on_cancel_running(coro::Scheduler& scheduler) noexcept override;

  // On other CPUs, after they have left something here.
  void notify() noexcept;
  void note_awake() noexcept;
  bool take_remote() noexcept;
  uint64_t steal() noexcept;
  [[nodiscard]] bool poll() noexcept;
  void sleep() noexcept;

  static constexpr uint64_t kBatch = 64;
  static constexpr uint64_t kStealLimit = 16;
  // Looks at what others leave before the CPU sleeps, of three instructions each: less than an interrupt costs those who send
  // and take it.
#ifdef NACRE_MODEL
  static constexpr uint64_t kPolls = 1;
#else
  static constexpr uint64_t kPolls = 128;
#endif

  CpuPort& port_;
  Group* group_;
  coro::Scheduler scheduler_;
  CpuId cpu_;
  bool stopping_ = false;
  Statistics statistics_;
  // A stack, newest first. Pushed by any CPU (release), taken whole by this one (acquire).
  coro::Atomic<RemoteWork*> remote_{nullptr};
  coro::Atomic<Activity> activity_{Activity::Awake};
  // Another CPU left something since the last turn of the loop began. Set before activity_ is looked at.
  coro::Atomic<uint32_t> arrived_{0};
};

namespace detail {

// Keeps the result of a task, and stops the executor when it has ended in whatever way.
template <class T>
coro::Task<void> keep_result(Executor* executor, coro::Task<T> task, std::optional<T>* result) {
  struct StopAtEnd {
    Executor* executor;
    ~StopAtEnd() { executor->stop(); }
  };
  const StopAtEnd stop{executor};
  result->emplace(co_await std::move(task));
}

}  // namespace detail

template <class T>
T Executor::block_on(coro::Task<T> task) {
  if constexpr (std::is_void_v<T>) {
    const auto with_value = [](coro::Task<void> inner) -> coro::Task<bool> {
      co_await std::move(inner);
      co_return true;
    };
    (void)block_on(with_value(std::move(task)));
  } else {
    std::optional<T> result;
    const coro::Scheduler::Running running(scheduler_);
    coro::Scope scope;
    scope.spawn(detail::keep_result(this, std::move(task), &result), coro::Placement::Pinned);
    run();
    scope.rethrow_failure();
    if (!result) {
      scope.cancel_now();
      stopping_ = false;
      throw Stopped();
    }
    return std::move(*result);
  }
}

}  // namespace nacre::exec
