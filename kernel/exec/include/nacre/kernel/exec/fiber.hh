// Fibers: kernel jobs that compute for long, on stacks of their own with an unmapped page below. A job calls fiber_checkpoint()
// every few thousand instructions; when its slice is over, that switches back to the executor, so that others get their turn
// on the CPU, and returns when it is the job's turn again.
//
// A fiber stays on its CPU. Inside, there is no co_await. A job whose awaiter is cancelled ends at its next checkpoint, which
// throws FiberCancelled: its destructors run; it must not catch that for good.
#pragma once

#include <functional>

#include "nacre/base/core/address.hh"
#include "nacre/base/core/error.hh"
#include "nacre/base/coro/task.hh"

namespace nacre::exec {

inline constexpr uint64_t kFiberSliceNs = 1'000'000;
inline constexpr ByteSize kFiberStack = ByteSize::kib(64);

struct FiberCancelled {};

// co_await run_on_fiber(job): until the job has ended; rethrows what it threw. OutOfMemory if there is no stack.
[[nodiscard]] coro::Task<Result<void>> run_on_fiber(std::function<void()> job);

// In a job, or in anything that it calls; elsewhere it does nothing.
void fiber_checkpoint();

}  // namespace nacre::exec
