#include "nacre/kernel/exec/fiber.hh"

#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/testing/test.hh"

namespace nacre::exec {
namespace {

using coro::Task;

void compute(uint64_t ns) {
  const uint64_t end = arch::now_ns() + ns;
  while (arch::now_ns() < end) fiber_checkpoint();
}

[[gnu::noinline]] uint64_t fill_stack(unsigned depth) {
  volatile uint64_t local[32] = {depth};
  fiber_checkpoint();
  return depth == 0 ? local[0] : fill_stack(depth - 1) + local[0];
}

NACRE_KERNEL_TASK_TEST(fiber, others_run_while_it_computes) {
  int ticks = 0;
  bool stop = false;
  const auto watch = [](int* count, bool* end) -> Task<void> {
    while (!*end) {
      ++*count;
      co_await coro::sleep_until(arch::now_ns() + 500'000);
    }
  };
  coro::Scope scope;
  scope.spawn(watch(&ticks, &stop));
  uint64_t sum = 0;
  const auto done = co_await run_on_fiber([&] {
    // Until the other has run five times, in whatever time the machine gives us.
    const uint64_t end = arch::now_ns() + 5'000'000'000;
    while (ticks < 5 && arch::now_ns() < end) fiber_checkpoint();
    sum = fill_stack(100);
  });
  stop = true;
  co_await scope.join();
  EXPECT(done.has_value());
  EXPECT_EQ(sum, 5050u);
  EXPECT_GE(ticks, 5);
}

NACRE_KERNEL_TASK_TEST(fiber, exceptions_come_out_and_do_not_mix) {
  int caught = 0;
  for (int i = 0; i < 3; ++i) {
    try {
      (void)co_await run_on_fiber([&] {
        try {
          compute(100'000);
          throw 5;
        } catch (int) {
          // Others throw and catch while this one is being handled.
          compute(5'000'000);
          throw;
        }
      });
    } catch (int value) {
      caught += value;
    }
  }
  EXPECT_EQ(caught, 15);
}

NACRE_KERNEL_TASK_TEST(fiber, many_at_once_and_cancelled_ones_unwind) {
  struct Witness {
    int& count;
    explicit Witness(int& c) : count(c) { ++count; }
    ~Witness() { --count; }
  };
  const auto job = [](int* count, int* finished, uint64_t ns) -> Task<void> {
    const auto done = co_await run_on_fiber([=] {
      const Witness witness(*count);
      compute(ns);
    });
    if (done) ++*finished;
  };
  int alive = 0, finished = 0;
  {
    coro::Scope scope;
    for (int i = 0; i < 6; ++i) scope.spawn(job(&alive, &finished, 3'000'000));
    co_await scope.join();
  }
  EXPECT_EQ(finished, 6);
  coro::Scope scope;
  for (int i = 0; i < 4; ++i) scope.spawn(job(&alive, &finished, 3'600'000'000'000));
  co_await coro::sleep_until(arch::now_ns() + 3'000'000);
  EXPECT_EQ(alive, 4);
  co_await scope.cancel();
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(finished, 6);
}

}  // namespace
}  // namespace nacre::exec
