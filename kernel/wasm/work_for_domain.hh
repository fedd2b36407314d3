// Long work of the kernel's on a domain's behalf, such as compiling its module: on a fiber, in slices that its CPU account
// grants and pays, like the domain's own threads; what it takes of the kernel's heap the domain's budget pays.
#pragma once

#include <functional>

#include "nacre/base/core/error.hh"
#include "nacre/base/coro/task.hh"
#include "nacre/kernel/mm/heap_account.hh"
#include "nacre/kernel/sched/cpu_scheduler.hh"

namespace nacre::kwasm {

// As exec::run_on_fiber(). The accounts outlive the task. Without `memory` the job takes next to nothing of the heap.
// LimitExceeded, and the job unwound, where the budget behind `memory` could not pay; what the job leaves in the heap stays
// charged as long as `memory` lives.
[[nodiscard]] coro::Task<Result<void>> work_for(sched::CpuAccount& account, mm::HeapAccount* memory,
                                                std::function<void()> job);

}  // namespace nacre::kwasm
