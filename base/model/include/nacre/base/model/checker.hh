// Runs a test for every interleaving of its threads, by depth-first search over the choices. See the folder's README for what is
// and what is not explored.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace nacre::model {

struct Options {
  unsigned preemptions = 2;         // switches away from a thread that could go on
  unsigned late_stores = 1;         // stores that others see late
  uint64_t executions = 5'000'000;  // more than that is a failure: the test is too big
  uint64_t steps = 20'000;          // of one execution; more is a failure: it does not end
};

struct Report {
  uint64_t executions = 0;
  std::string failure;  // empty: none
};

// One execution of the test.
class Execution {
 public:
  // Threads run when go() is called, and are done when it returns.
  void thread(std::function<void()> body);
  void go();
};

// `test` makes the shared state and threads, calls go(), and looks at the outcome. It is called again and again, until all
// interleavings were seen or one failed.
[[nodiscard]] Report explore(const Options& options, const std::function<void(Execution&)>& test);

// In the test or its threads: ends the exploration with a failure unless the condition holds. A thread that fails does not go
// on.
void expect(bool condition, const char* what);

// A thread that has nothing to do until another one writes something.
void spin_hint() noexcept;
void fence_seq_cst() noexcept;

}  // namespace nacre::model
