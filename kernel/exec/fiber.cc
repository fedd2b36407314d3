#include "nacre/kernel/exec/fiber.hh"

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <utility>

#include "fiber_stack.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/arch/stack_switch.hh"
#include "nacre/kernel/mm/heap_account.hh"
#include "nacre/kernel/mm/kernel_memory.hh"

// Of the C++ runtime; its header does not show it.
extern "C" void* __cxa_get_globals() noexcept;

namespace nacre::exec {
namespace {

class Fiber;
constinit thread_local Fiber* t_running = nullptr;

// The C++ runtime's exceptions in flight of one flow of control (Itanium C++ ABI, 2.2.2: two words).
struct ExceptionState {
  uint64_t words[2] = {};

  void exchange_with_current() noexcept {
    void* const current = __cxa_get_globals();
    ExceptionState before;
    std::memcpy(&before, current, sizeof before);
    std::memcpy(current, this, sizeof before);
    *this = before;
  }
};

class Fiber {
 public:
  Fiber(FiberStack stack, std::function<void()> job, mm::HeapAccount* memory)
      : stack_(std::move(stack)),
        job_(std::move(job)),
        memory_(memory),
        fiber_(arch::make_flow(
            stack_.top(), [](void* self) { static_cast<Fiber*>(self)->live(); }, this)) {}
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber() {
    if (!begun_) return;
    cancelled_ = true;
    while (!done_) resume(0);
  }

  // Runs it for a slice. True when the job has ended.
  bool resume(uint64_t slice_end_ns) noexcept {
    ASSERT(!done_ && t_running == nullptr);
    begun_ = true;
    arch::PerCpu& cpu = arch::this_cpu();
    const uint64_t bottom = std::exchange(cpu.stack_bottom, stack_.bottom().value());
    const uint64_t top = std::exchange(cpu.stack_top, stack_.top().value());
    t_running = this;
    slice_end_ns_ = std::min(slice_end_ns, arch::now_ns() + kFiberSliceNs);
    exceptions_.exchange_with_current();
    if (memory_ != nullptr) memory_->swap_with(mm::heap_cache());
    arch::switch_flow(executor_, fiber_);
    if (memory_ != nullptr) memory_->swap_with(mm::heap_cache());
    exceptions_.exchange_with_current();
    t_running = nullptr;
    cpu.stack_bottom = bottom;
    cpu.stack_top = top;
    if (done_ && memory_ != nullptr) memory_->settle();
    return done_;
  }

  void rethrow_failure() {
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

  void checkpoint() {
    if (!cancelled_ && arch::now_ns() >= slice_end_ns_) arch::switch_flow(fiber_, executor_);
    if (cancelled_) throw FiberCancelled();
  }

 private:
  [[noreturn]] void live() noexcept {
    try {
      job_();
    } catch (const FiberCancelled&) {
      // Its destructors have run.
    } catch (...) {
      failure_ = std::current_exception();
    }
    done_ = true;
    arch::switch_flow(fiber_, executor_);
    panic("a fiber went on after its end");
  }

  FiberStack stack_;
  std::function<void()> job_;
  mm::HeapAccount* memory_;
  arch::SuspendedFlow fiber_;
  arch::SuspendedFlow executor_;
  ExceptionState exceptions_;
  std::exception_ptr failure_;
  uint64_t slice_end_ns_ = 0;
  bool begun_ = false;
  bool done_ = false;
  bool cancelled_ = false;
};

// Its turn comes when nothing else is ready.
class IdleTurns final : public FiberTurns {
 public:
  coro::Task<uint64_t> next_slice_end_ns() override {
    if (std::exchange(has_begun_, true)) co_await coro::yield();
    co_return coro::kNever;
  }

 private:
  bool has_begun_ = false;
};

// Pinned: where it is destroyed, too.
coro::Task<void> drive(std::function<void()> job, std::unique_ptr<FiberTurns> turns,
                       Result<void>* result) {
  auto stack = FiberStack::take();
  if (!stack) {
    *result = std::unexpected(std::move(stack).error());
    co_return;
  }
  Fiber fiber(std::move(*stack), std::move(job), turns->memory());
  while (!fiber.resume(co_await turns->next_slice_end_ns())) {
    // A slice is long: timers and interrupts come before whoever is next.
    coro::Scheduler::current().end_batch();
  }
  fiber.rethrow_failure();
}

}  // namespace

coro::Task<Result<void>> run_on_fiber(std::function<void()> job,
                                      std::unique_ptr<FiberTurns> turns) {
  Result<void> result;
  coro::Scope scope;
  if (turns == nullptr) turns = std::make_unique<IdleTurns>();
  scope.spawn(drive(std::move(job), std::move(turns), &result), coro::Placement::Pinned);
  co_await scope.join();
  co_return result;
}

void fiber_checkpoint() {
  if (Fiber* fiber = t_running) fiber->checkpoint();
}

PausePoint fiber_pauses() {
  return {[](void*) { fiber_checkpoint(); }, nullptr};
}

}  // namespace nacre::exec
