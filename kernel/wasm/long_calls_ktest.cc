// What the kernel does at length in a guest's call the guest's domain pays for, and others run meanwhile.
#include <cstdint>

#include "cpu_turn.hh"
#include "guest_ktest.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/testing/test.hh"

namespace nacre::kwasm {
namespace {

constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kElements = 8'000'000;

// (table 1 funcref) (func (export "run") (drop (table.grow (ref.func 0) (i32.const 8000000))))
constexpr uint8_t kGrowTableModule[] = {0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x04,
                                        0x01, 0x60, 0x00, 0x00, 0x03, 0x02, 0x01, 0x00, 0x04, 0x04,
                                        0x01, 0x70, 0x00, 0x01, 0x07, 0x07, 0x01, 0x03, 'r',  'u',
                                        'n',  0x00, 0x00, 0x0a, 0x0f, 0x01, 0x0d, 0x00, 0xd2, 0x00,
                                        0x41, 0x80, 0xa4, 0xe8, 0x03, 0xfc, 0x0f, 0x00, 0x1a, 0x0b};

// Counts how often it is its turn on its CPU, until told to stop.
coro::Task<void> count_turns(const bool* stop, uint64_t* turns) {
  for (; !*stop; ++*turns) co_await coro::yield();
}

NACRE_KERNEL_TASK_TEST(long_calls, others_run_while_a_table_grows) {
  GuestProgram growing(kGrowTableModule);
  GuestProgram spinning(kSpinModule);
  const auto guest = Guest::create(growing);
  const auto hog = Guest::create(spinning);
  REQUIRE(guest != nullptr && hog != nullptr);
  bool stop = false;
  uint64_t turns = 0;
  coro::Scope scope;
  // On this CPU, as the guest is.
  scope.spawn(count_turns(&stop, &turns));
  coro::Scope beside;
  beside.spawn(hog->run(), coro::Placement::Any);
  while (hog->used_ns() == 0) co_await coro::yield();

  const uint64_t hog_used_ns = hog->used_ns();
  const uint64_t turns_before = turns;
  const uint64_t begin_ns = arch::now_ns();
  co_await guest->run();
  const uint64_t took_ns = arch::now_ns() - begin_ns;
  // The kernel's own strands come in between, and another domain has its share of the processor.
  EXPECT_GT(turns - turns_before, 10u);
  EXPECT_GT(hog->used_ns() - hog_used_ns, took_ns / 8);
  stop = true;
  co_await beside.cancel();
  co_await scope.join();

  const runtime::Table& table = *guest->instance().table(0);
  EXPECT_EQ(table.size(), kElements + 1);
  const uint64_t reference = guest->instance().func_ref(0).value();
  for (const uint64_t index : {uint64_t{1}, kElements / 2, kElements}) {
    const auto element = table.get(index);
    EXPECT(element && *element == reference);
  }
  EXPECT_EQ(*table.get(0), 0u);
}

NACRE_KERNEL_TASK_TEST(long_calls, a_table_that_grows_may_be_killed_anywhere) {
  GuestProgram growing(kGrowTableModule);
  for (uint64_t life_ns = 0; life_ns < 20 * kMillisecond; life_ns += 2 * kMillisecond) {
    const auto guest = Guest::create(growing);
    REQUIRE(guest != nullptr);
    coro::Scope scope;
    scope.spawn(guest->run());
    co_await coro::sleep_until(arch::now_ns() + life_ns);
    co_await scope.cancel();
    // All of it or nothing.
    const uint64_t size = guest->instance().table(0)->size();
    EXPECT(size == 1 || size == kElements + 1);
  }
}

// Computes for 40 ms, with a yield at every millisecond, and ends the guest.
constexpr uint64_t kWorked = 40;
coro::Task<runtime::HostOutcome> work_at_length(void*, runtime::HostCall&) {
  for (uint64_t i = 0; i < kWorked; ++i) {
    const uint64_t end_ns = arch::now_ns() + kMillisecond;
    while (arch::now_ns() < end_ns) {
    }
    co_await CpuTurn::yield();
  }
  co_return runtime::HostOutcome::exited(0);
}

NACRE_KERNEL_TASK_TEST(long_calls, a_guest_pays_for_a_call_that_yields) {
  const runtime::HostFunction function = {
      .module = "t", .name = "wait", .type = {}, .handler = &work_at_length, .self = nullptr};
  GuestProgram program(kWaitModule);
  const auto guest = Guest::create(program, {}, std::span(&function, 1));
  REQUIRE(guest != nullptr);
  co_await guest->run(runtime::InvokeOutcome::Kind::Exited);
  EXPECT(guest->used_ns() >= (kWorked - 2) * kMillisecond);
}

NACRE_KERNEL_TASK_TEST(long_calls, a_quota_slows_a_call_that_yields) {
  const runtime::HostFunction function = {
      .module = "t", .name = "wait", .type = {}, .handler = &work_at_length, .self = nullptr};
  const sched::CpuLimits fifth = {
      .quota = sched::CpuQuota{.budget_ns = 2 * kMillisecond, .period_ns = 10 * kMillisecond}};
  GuestProgram program(kWaitModule);
  const auto guest = Guest::create(program, fifth, std::span(&function, 1));
  REQUIRE(guest != nullptr);
  const uint64_t begin_ns = arch::now_ns();
  co_await guest->run(runtime::InvokeOutcome::Kind::Exited);
  EXPECT_GT(arch::now_ns() - begin_ns, 3 * kWorked * kMillisecond);
}

}  // namespace
}  // namespace nacre::kwasm
