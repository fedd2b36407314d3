// Fibers: kernel jobs that compute for long, on stacks of their own with an unmapped page below. A job calls fiber_checkpoint()
// every few thousand instructions; when its slice is over, that switches back to the executor, so that others get their turn
// on the CPU, and returns when it is the job's turn again.
//
// A fiber stays on its CPU. Inside, there is no co_await. A job whose awaiter is cancelled ends at its next checkpoint, which
// throws FiberCancelled: its destructors run; it must not catch that for good.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "nacre/base/core/address.hh"
#include "nacre/base/core/error.hh"
#include "nacre/base/core/pause_point.hh"
#include "nacre/base/coro/task.hh"

namespace nacre::mm {
class HeapAccount;
}

namespace nacre::exec {

inline constexpr uint64_t kFiberSliceNs = 1'000'000;
inline constexpr ByteSize kFiberStack = ByteSize::kib(64);

struct FiberCancelled {};

// Who lets a fiber run: asked before every slice, on the fiber's CPU. And who pays for what it takes of the heap.
class FiberTurns {
 public:
  // Waits until the fiber may run; when its slice ends, at the latest kFiberSliceNs later.
  [[nodiscard]] virtual coro::Task<uint64_t> next_slice_end_ns() = 0;
  // Asked once; outlives the fiber. Without one its memory is the kernel's own.
  [[nodiscard]] virtual mm::HeapAccount* memory() { return nullptr; }
  virtual ~FiberTurns() = default;
};

// co_await run_on_fiber(job): until the job has ended; rethrows what it threw. OutOfMemory if there is no stack. Without
// `turns`, which is otherwise used on the fiber's strand only, it has its turn whenever nothing else is ready.
[[nodiscard]] coro::Task<Result<void>> run_on_fiber(std::function<void()> job,
                                                    std::unique_ptr<FiberTurns> turns = nullptr);

// In a job, or in anything that it calls; elsewhere it does nothing.
void fiber_checkpoint();
// The same, for work that does not know of fibers.
[[nodiscard]] PausePoint fiber_pauses();

}  // namespace nacre::exec
