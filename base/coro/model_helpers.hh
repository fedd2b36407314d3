// What the exhaustive interleaving tests share.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <functional>

#include "nacre/base/coro/scheduler.hh"
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

inline void expect_sound(const model::Options& options,
                         const std::function<void(model::Execution&)>& test) {
  const model::Report report = model::explore(options, test);
  EXPECT_EQ(report.failure, "");
  EXPECT_GT(report.executions, 20u);
  std::printf("%llu executions\n", static_cast<unsigned long long>(report.executions));
}

// In the frame of a strand: counts those that are alive.
struct Witness {
  model::Var<int>* alive;
  explicit Witness(model::Var<int>* a) : alive(a) { alive->set(alive->get() + 1); }
  ~Witness() { alive->set(alive->get() - 1); }
};

}  // namespace nacre::coro
