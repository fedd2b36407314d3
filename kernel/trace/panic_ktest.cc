// Panics, faults and stack overflows in one request: destructors run and the kernel goes on.
#include "nacre/kernel/trace/panic.hh"

#include <expected>
#include <new>

#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/fault/fault.hh"
#include "nacre/kernel/fault/unwinding.hh"
#include "nacre/kernel/testing/benchmark.hh"
#include "nacre/kernel/testing/test.hh"

namespace nacre::trace {
namespace {

using fault::CountsDestruction;
using fault::panic_at_depth;

NACRE_KERNEL_TEST(panic, runs_destructors_and_is_caught_as_often_as_one_likes) {
  unsigned destroyed = 0;
  for (unsigned round = 0; round < 3; ++round) {
    EXPECT_PANIC(panic_at_depth(4, destroyed), "on request");
  }
  EXPECT_EQ(destroyed, 15u);
}

// The panic of a fault unwinds through the interrupted function like through any other.
NACRE_KERNEL_TEST(panic, fault_runs_destructors) {
  unsigned destroyed = 0;
  const auto make = [&] {
    const CountsDestruction guard{destroyed};
    fault::load_from(0x1230);
  };
  EXPECT_PANIC(make(), "page fault on a load in the kernel, address 0x1230");
  EXPECT_EQ(destroyed, 1u);
}

// Report, exception and unwinding need no heap.
NACRE_KERNEL_TEST(panic, works_with_no_memory_left) {
  unsigned destroyed = 0;
  bool was_full = false;
  std::expected<void, PanicReport> result;
  {
    fault::Hoard all;
    all.take_all();
    was_full = ::operator new(16, std::nothrow) == nullptr;
    result = catch_panic("a test", [&] { panic_at_depth(2, destroyed); });
  }
  EXPECT(was_full);
  EXPECT(!result && result.error().message() == "on request");
  EXPECT_EQ(destroyed, 3u);
}

coro::Task<void> panicking_request(unsigned& destroyed) {
  const CountsDestruction guard{destroyed};
  co_await coro::yield();
  panic("in a task");
}

// A task's panic ends that task; whoever joins it learns of it, its siblings go on.
NACRE_KERNEL_TASK_TEST(panic, in_a_task_ends_only_that_task) {
  unsigned destroyed = 0;
  bool sibling_done = false;
  coro::Scope scope;
  const auto sibling = [](bool& done) -> coro::Task<void> {
    for (unsigned i = 0; i < 10; ++i) co_await coro::yield();
    done = true;
  };
  scope.spawn(panicking_request(destroyed));
  scope.spawn(sibling(sibling_done));
  bool thrown = false;
  try {
    co_await scope.join();
  } catch (const PanicException& panic) {
    thrown = panic.report.message() == "in a task";
  }
  EXPECT(thrown);
  EXPECT(sibling_done);
  EXPECT_EQ(destroyed, 1u);
}

NACRE_KERNEL_BENCHMARK(counting_itself) {
  benchmark.measure(1000, [] {});
}

}  // namespace
}  // namespace nacre::trace
