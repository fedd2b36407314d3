// What the exhaustive interleaving tests share.
#pragma once

#include <memory>

#include "nacre/base/coro/scheduler.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/base/model/atomic.hh"
#include "nacre/base/model/checker.hh"

namespace nacre::coro {

// What a CPU does without kernel/exec: runs what is ready until `done` holds.
template <class Done>
void work(Scheduler& scheduler, Done&& done) {
  const Scheduler::Running running(scheduler);
  while (true) {
    if (scheduler.run_ready(4) != 0) continue;
    if (done()) return;
    if (!scheduler.has_ready()) spin_hint();
  }
}

// All interleavings of two CPUs that work until `done` holds.
template <class Done>
void work_on_both(model::Execution& run, Scheduler& first, Scheduler& second, const Done& done) {
  run.thread([&] { work(first, done); });
  run.thread([&] { work(second, done); });
  run.go();
}

// In the frame of a strand: counts those that are alive.
struct Witness {
  model::Var<int>* alive;
  explicit Witness(model::Var<int>* a) : alive(a) { alive->set(alive->get() + 1); }
  ~Witness() { alive->set(alive->get() - 1); }
};

// What a CPU does that ends a scope whose strands `alive` counts, and tells the others by `over`.
inline void cancel_all(Scheduler& here, std::unique_ptr<Scope> scope, model::Var<int>& alive,
                       Atomic<uint32_t>& over) {
  const Scheduler::Running running(here);
  scope->cancel_now();
  model::expect(alive.get() == 0, "cancelled, and still there");
  scope.reset();
  over.store(1, std::memory_order_release);
}

}  // namespace nacre::coro
