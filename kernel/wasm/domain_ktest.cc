// Domains come and go, also in the middle of what they do, and leave nothing behind.
#include "nacre/kernel/wasm/domain.hh"

#include <string>

#include "guest_ktest.hh"
#include "nacre/base/coro/event.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/counting.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/testing/all_cpus.hh"
#include "nacre/kernel/testing/benchmark.hh"
#include "nacre/kernel/testing/test.hh"
#include "nacre/kernel/wasm/domain_list.hh"

namespace nacre::kwasm {
namespace {

std::unique_ptr<Domain> make_domain(runtime::TypeRegistry& types) {
  DomainLimits limits;
  limits.memory = ByteSize::mib(16);
  auto domain = Domain::create(mm::machine(), types, limits);
  REQUIRE(domain.has_value());
  return std::move(*domain);
}

NACRE_KERNEL_TEST(domain, gives_its_memory_back) {
  runtime::TypeRegistry types;
  // The first one makes what all share.
  make_domain(types);
  const uint64_t before = mm::frames_outside_heap();
  for (int i = 0; i < 50; ++i) make_domain(types);
  EXPECT_EQ(mm::frames_outside_heap(), before);
}

// One domain that is killed wherever it is after a while.
coro::Task<void> live_and_die(GuestProgram& program, uint64_t life_ns) {
  const auto guest = Guest::create(program);
  REQUIRE(guest != nullptr);
  coro::Scope scope;
  scope.spawn(guest->run(), coro::Placement::Any);
  if (life_ns != 0) co_await coro::sleep_until(arch::now_ns() + life_ns);
  co_await scope.cancel();
}

coro::Task<void> many(GuestProgram& program, uint64_t count, uint64_t seed) {
  for (uint64_t i = 0; i < count; ++i) {
    seed = seed * 6364136223846793005 + 1442695040888963407;
    co_await live_and_die(program, (seed >> 40) % 200'000);
  }
}

coro::Task<void> many_at_once(GuestProgram& program, uint64_t count) {
  constexpr uint64_t kAtOnce = 8;
  coro::Scope scope;
  for (uint64_t i = 0; i < kAtOnce; ++i) {
    scope.spawn(many(program, count / kAtOnce, i), coro::Placement::Any);
  }
  co_await scope.join();
}

coro::Task<void> kill_domains(uint64_t count) {
  GuestProgram program(kTouchModule);
  // The first one makes what all share.
  co_await live_and_die(program, 0);
  co_await testing::leave_all_spaces();
  const uint64_t before = mm::frames_outside_heap();
  co_await many_at_once(program, count);
  co_await testing::leave_all_spaces();
  EXPECT_EQ(mm::frames_outside_heap(), before);
}

NACRE_KERNEL_TASK_TEST(domain, killed_anywhere_leaves_no_frame_behind) {
  co_await kill_domains(400);
}

NACRE_KERNEL_TASK_TEST(domain_long, ten_thousand_killed_leave_no_frame_behind) {
  co_await kill_domains(10'000);
}

// Of one domain, as a list of them says; empty if it is not there.
std::string listed(uint64_t id) {
  std::string text;
  DomainList::visit([&](Domain& domain) {
    if (domain.id() != id) return;
    text = format("{} of {}:", domain.label().name, domain.label().job);
    DomainList::visit_threads(domain, [&](const Thread& thread) {
      text += format(" {}", static_cast<unsigned>(thread.state()));
      if (const auto call = thread.current()) text += format(" in {}", call->detail);
    });
  });
  return text;
}

NACRE_KERNEL_TEST(domain, is_listed_while_it_lives) {
  runtime::TypeRegistry types;
  auto domain = Domain::create(mm::machine(), types, {}, {.name = "a name", .job = 7});
  REQUIRE(domain.has_value());
  const uint64_t id = (*domain)->id();
  EXPECT_EQ(listed(id), "a name of 7:");
  {
    const Thread thread(**domain);
    EXPECT_EQ(listed(id), "a name of 7: 0");
  }
  EXPECT_EQ(listed(id), "a name of 7:");
  domain->reset();
  EXPECT_EQ(listed(id), "");
}

// Waits for the event that `self` is.
coro::Task<runtime::HostOutcome> wait_for_event(void* self, runtime::HostCall&) {
  co_await static_cast<coro::Event*>(self)->wait();
  co_return runtime::HostOutcome::exited(0);
}

NACRE_KERNEL_TASK_TEST(domain, list_says_what_a_thread_waits_for) {
  coro::Event event;
  const runtime::HostFunction function = {
      .module = "t", .name = "wait", .type = {}, .handler = &wait_for_event, .self = &event};
  GuestProgram program(kWaitModule);
  const auto guest = Guest::create(program, {}, std::span(&function, 1));
  REQUIRE(guest != nullptr);
  const uint64_t id = guest->domain().id();
  coro::Scope scope;
  scope.spawn(guest->run(runtime::InvokeOutcome::Kind::Exited));
  const uint64_t deadline = arch::now_ns() + 10'000'000'000;
  while (!guest->thread().current() && arch::now_ns() < deadline)
    co_await coro::sleep_until(arch::now_ns() + 1'000'000);
  EXPECT_EQ(listed(id), " of 0: 2 in wait");
  EXPECT(guest->thread().strand() != nullptr);
  event.set();
  co_await scope.join();
  EXPECT_EQ(listed(id), " of 0: 0");
  EXPECT(guest->thread().strand() == nullptr);
}

NACRE_KERNEL_BENCHMARK(domain_create_destroy) {
  runtime::TypeRegistry types;
  benchmark.measure(20, [&] { make_domain(types); });
}

// A host function that does nothing but count, and ends its guest.
struct CountedCalls {
  static constexpr uint64_t kCalls = 1000;
  uint64_t calls = 0;
  uint64_t first = 0;
  uint64_t last = 0;

  static runtime::HostOutcome call(void* self, runtime::HostCall&) {
    auto& counted = *static_cast<CountedCalls*>(self);
    if (++counted.calls == 1) counted.first = arch::retired_instructions();
    if (counted.calls <= kCalls) return runtime::HostOutcome::returned();
    counted.last = arch::retired_instructions();
    return runtime::HostOutcome::exited(0);
  }
};

// From user mode to the handler and back, the guest's loop and the counting included.
NACRE_KERNEL_TASK_BENCHMARK(empty_host_call) {
  CountedCalls counted;
  const runtime::HostFunction function = {
      .module = "t", .name = "wait", .type = {}, .handler = &CountedCalls::call, .self = &counted};
  GuestProgram program(kWaitModule);
  const auto guest = Guest::create(program, {}, std::span(&function, 1));
  REQUIRE(guest != nullptr);
  co_await guest->run(runtime::InvokeOutcome::Kind::Exited);
  benchmark.set_result(counted.last - counted.first, CountedCalls::kCalls);
}

// System call Nop, from a domain, by way of the handler that serves every guest.
coro::Task<uint64_t> instructions_of_calls(GuestProgram& program, uint16_t calls) {
  const uint32_t code[] = {
      0x00000493U | (uint32_t{calls} << 20),  //    li   s1, calls
      0x00200293,                             // 1: li   t0, 2 (Nop)
      0x00000073,                             //    ecall
      0xfff48493,                             //    addi s1, s1, -1
      0xfe049ae3,                             //    bnez s1, 1b
      0x00008067,                             //    ret
  };
  const auto guest = Guest::create(program);
  REQUIRE(guest != nullptr);
  guest->set_code(code);
  co_await guest->run();
  const uint64_t begin = arch::retired_instructions();
  co_await guest->run();
  co_return arch::retired_instructions() - begin;
}

NACRE_KERNEL_TASK_BENCHMARK(empty_system_call) {
  constexpr uint16_t kCalls = 1000;
  constexpr uint64_t kLoop = 3;  // instructions of a round beside the call
  GuestProgram program(kEmptyModule);
  const uint64_t none = co_await instructions_of_calls(program, 1);
  const uint64_t all = co_await instructions_of_calls(program, 1 + kCalls);
  benchmark.set_result(all - none - kCalls * kLoop, kCalls);
}

NACRE_KERNEL_TASK_BENCHMARK(call_empty_export) {
  GuestProgram program(kEmptyModule);
  const auto guest = Guest::create(program);
  REQUIRE(guest != nullptr);
  for (auto round = benchmark.rounds(1000); round.next();) co_await guest->run();
}

}  // namespace
}  // namespace nacre::kwasm
