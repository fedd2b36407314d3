// Long work of the kernel's on a domain's behalf, such as compiling its module: on a fiber, in slices that its CPU account
// grants and pays, like the domain's own threads.
#pragma once

#include <functional>

#include "nacre/base/core/error.hh"
#include "nacre/base/coro/task.hh"
#include "nacre/kernel/sched/cpu_scheduler.hh"

namespace nacre::kwasm {

// As exec::run_on_fiber(). `account` outlives the task.
[[nodiscard]] coro::Task<Result<void>> work_for(sched::CpuAccount& account,
                                                std::function<void()> job);

}  // namespace nacre::kwasm
