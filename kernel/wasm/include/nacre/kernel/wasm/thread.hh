// A guest thread: a register set, a stack, and the coroutine that drives them.
//
//   enter user mode ─► trap ─► served here? ─ yes ─► enter again
//                               │ no (a host call that may block, the end of a slice)
//                               └► co_await ─► enter again
//
// What ends an invocation: the function returns to the thread-exit stub, a trap, or a host function that exits
// the guest. Nothing a guest does in user mode ends in a panic.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "nacre/base/core/intrusive_list.hh"
#include "nacre/base/coro/strand.hh"
#include "nacre/base/coro/task.hh"
#include "nacre/engine/runtime/host_call.hh"
#include "nacre/engine/runtime/store.hh"
#include "nacre/engine/runtime/thread_entry.hh"
#include "nacre/kernel/mm/address_space.hh"
#include "nacre/kernel/mm/budget.hh"
#include "nacre/kernel/trace/span.hh"
#include "nacre/kernel/trap/user_context.hh"
#include "nacre/kernel/trap/user_mode.hh"

namespace nacre::kwasm {

class Domain;

class Thread final : public trace::InnerSpan, private ListNode {
 public:
  // What a thread is at, for people: it may be at something else already.
  //   Idle → Queued, Running → …→ Idle    by invoke()
  enum class State : uint8_t {
    Idle,     // not invoked
    Queued,   // for a processor
    Running,  // has one, or did until it began to wait for a host function (current())
  };

  // `domain` outlives the thread.
  explicit Thread(Domain& domain);
  ~Thread() override;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  // Runs `function` to its end. One invocation at a time; arguments as in runtime::prepare_entry. Destroying the task stops the
  // guest where it is, at any instruction; the thread can then be used again.
  [[nodiscard]] coro::Task<Result<runtime::InvokeOutcome>> invoke(
      runtime::Function function, std::span<const uint64_t> arguments);
  // What to report when the guest is about to be stopped from outside: where it is now.
  [[nodiscard]] runtime::Trap interruption() const;

  // The host function that it has called: for a span around invoke().
  [[nodiscard]] std::optional<Text> current() const noexcept override;

  [[nodiscard]] State state() const noexcept {
    return static_cast<State>(state_.load(std::memory_order_relaxed) & 0xff);
  }
  // Where it last began to run.
  [[nodiscard]] CpuId cpu() const noexcept {
    return CpuId{state_.load(std::memory_order_relaxed) >> 8};
  }
  // That drives it; nullptr while it is Idle.
  [[nodiscard]] coro::Strand* strand() const noexcept {
    return strand_.load(std::memory_order_relaxed);
  }

  // Called by the trap handler for every `ecall` of the thread that runs on this CPU (kernel/trap/user_mode.hh).
  [[nodiscard]] trap::FastSyscallResult serve_fast(trap::SyscallRegisters& registers);

 private:
  template <class T>
  friend class nacre::IntrusiveList;

  struct Invocation;
  // How one stop of the guest is dealt with.
  enum class Next : uint8_t { Resume, Finished };

  void note(State state) noexcept;
  void load(const runtime::ThreadEntry& entry);
  [[nodiscard]] trap::FastSyscallResult serve_fast_or_throw(trap::SyscallRegisters& registers);
  [[nodiscard]] trap::FastSyscallResult conclude_fast(const runtime::HostOutcome& outcome);
  // In user mode, until a trap or, at the latest, this time of arch::now_ns().
  [[nodiscard]] trap::ExitReason run_slice(uint64_t end_ns);
  [[nodiscard]] coro::Task<Next> serve_call();
  [[nodiscard]] coro::Task<Next> serve_table_grow();
  [[nodiscard]] Next serve_fault(trap::ExitReason exit);
  // Whether the thread has got vector registers just now.
  [[nodiscard]] bool begin_vectors();
  void end_vectors() noexcept;
  [[nodiscard]] Next finish(const runtime::HostOutcome& outcome);
  void stop_with(runtime::Trap trap);
  void stop_with(abi::TrapKind kind);
  [[nodiscard]] runtime::StopRegisters stop_registers() const;

  Domain& domain_;
  // State | CPU << 8. For people: relaxed.
  std::atomic<uint32_t> state_{0};
  std::atomic<coro::Strand*> strand_{nullptr};
  trap::UserContext context_{};
  std::unique_ptr<std::byte[]> vector_area_;  // context_.vectors
  mm::Charge vector_charge_;
  // Set by serve_fast when a host function ended the guest: the call must not be made again.
  std::optional<runtime::HostOutcome> pending_;
  // That its coroutine serves, or nullptr.
  const runtime::HostCallee* serving_ = nullptr;
  runtime::InvokeOutcome outcome_;
};

// Makes serve_fast of the running thread the handler of this CPU's environment calls. Once per CPU.
void install_fast_system_calls();

}  // namespace nacre::kwasm
