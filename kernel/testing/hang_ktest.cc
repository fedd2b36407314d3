// Tests that hang on purpose, for the test of the watchdogs (tests/kernel): run only when they are asked for.
#include "nacre/base/coro/event.hh"
#include "nacre/kernel/arch/opaque.hh"
#include "nacre/kernel/testing/test.hh"

namespace nacre::testing {
namespace {

coro::Task<void> wait_for_nobody() {
  coro::Event never;
  co_await never.wait();
}

NACRE_KERNEL_TASK_TEST(hang, a_waits_for_nobody) {
  co_await wait_for_nobody();
}

NACRE_KERNEL_TEST(hang, b_comes_after_it) {}

[[gnu::noinline]] void spin_for_ever() {
  while (arch::opaque(true)) {
  }
}

NACRE_KERNEL_TEST(hang, c_spins) {
  spin_for_ever();
  (void)arch::opaque(0);
}

NACRE_KERNEL_TEST(hang, d_comes_after_that) {}

}  // namespace
}  // namespace nacre::testing
