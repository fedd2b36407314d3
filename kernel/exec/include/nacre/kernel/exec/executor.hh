// One CPU's executor: runs what is ready, sleeps until the next deadline or interrupt when nothing is, and takes work from
// other CPUs.
//
// The loop:
//   take remote work → poll the port's interrupts → expire timers → run a batch of ready coroutines → again;
//   nothing ready:  publish idle → look at the remote queue once more → arm the next deadline → wait for an interrupt.
// Another CPU first pushes its work, then looks at the idle flag (all sequentially consistent): either it sees the flag and
// pokes, or the push is seen by the second look. Interrupts are masked all along; a pending one ends the wait, so
// nothing falls into the gap before it.
//
// All but post_remote belongs to the CPU itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "nacre/base/core/address.hh"
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
  // Makes an interrupt pending on another CPU. Called on the CPU that wants it, for the CPU of this port.
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

class Executor {
 public:
  // Borrows the port.
  Executor(CpuId cpu, CpuPort& port) noexcept : port_(port), cpu_(cpu) {}
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

  // Before the CPU leaves for user mode: interrupts it at the deadline, or earlier if a timer of ours is due.
  void arm_until(uint64_t deadline_ns) noexcept;

  // From any CPU: `work` runs here, soon. The node may be reused once it has run.
  void post_remote(RemoteWork& work) noexcept;

  [[nodiscard]] uint64_t now_ns() noexcept { return port_.now_ns(); }
  [[nodiscard]] coro::Scheduler& scheduler() noexcept { return scheduler_; }
  [[nodiscard]] CpuId cpu() const noexcept { return cpu_; }

  struct Statistics {
    uint64_t resumed = 0;  // coroutines
    uint64_t remote = 0;   // pieces of work from other CPUs
    uint64_t waits = 0;    // times that there was nothing to do
  };
  [[nodiscard]] const Statistics& statistics() const noexcept { return statistics_; }

 private:
  bool take_remote() noexcept;
  void sleep() noexcept;

  static constexpr uint64_t kBatch = 32;

  CpuPort& port_;
  coro::Scheduler scheduler_;
  CpuId cpu_;
  bool stopping_ = false;
  Statistics statistics_;
  // A stack, newest first. Pushed by any CPU (release), taken whole by this one (acquire).
  std::atomic<RemoteWork*> remote_{nullptr};
  // True from before the last look at remote_ until the CPU is awake again.
  std::atomic<bool> idle_{false};
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
    coro::Scope scope;
    {
      const coro::Scheduler::Running running(scheduler_);
      coro::Task<void> keeper = detail::keep_result(this, std::move(task), &result);
      // Without a frame it would never say that it has ended.
      if (keeper.done()) throw std::bad_alloc();
      scope.spawn(std::move(keeper));
    }
    run();
    scope.rethrow_failure();
    if (!result) {
      scope.cancel();
      stopping_ = false;
      throw Stopped();
    }
    return std::move(*result);
  }
}

}  // namespace nacre::exec
