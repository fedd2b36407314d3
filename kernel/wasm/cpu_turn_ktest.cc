// Domains that always want to run: who gets how much of the processors, to the percent. What depends on exact time is skipped
// unless the emulator's clock counts instructions.
#include "cpu_turn.hh"

#include <algorithm>
#include <vector>

#include "guest_ktest.hh"
#include "nacre/base/coro/event.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/testing/benchmark.hh"
#include "nacre/kernel/testing/test.hh"

namespace nacre::kwasm {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kPercent = kSecond / 100;

void need_exact_time() {
  if (!clock_is_exact()) SKIP("needs a clock that counts instructions");
}

bool is_near(uint64_t a, uint64_t b) {
  return (a < b ? b - a : a - b) <= kPercent;
}

using Guests = std::vector<std::unique_ptr<Guest>>;

// Lets them all run for a second.
coro::Task<void> compete(Guests& guests) {
  coro::Scope scope;
  for (const auto& guest : guests) scope.spawn(guest->run(), coro::Placement::Any);
  co_await coro::sleep_until(arch::now_ns() + kSecond);
  co_await scope.cancel();
}

NACRE_KERNEL_TASK_TEST(cpu, shares_follow_weights) {
  need_exact_time();
  GuestProgram program(kSpinModule);
  Guests guests;
  const uint32_t weights[] = {100, 200, 300};
  for (const uint32_t weight : weights) {
    guests.push_back(Guest::create(program, {.weight = weight, .quota = {}}));
    REQUIRE(guests.back() != nullptr);
  }
  co_await compete(guests);
  for (size_t i = 0; i < guests.size(); ++i) {
    const uint64_t used = guests[i]->used_ns();
    if (!is_near(used, kSecond * weights[i] / 600)) {
      testing::note_failure(__FILE__, __LINE__, format("weight {} used {} ns", weights[i], used));
    }
  }
}

NACRE_KERNEL_TASK_TEST(cpu, quotas_are_kept) {
  need_exact_time();
  GuestProgram program(kSpinModule);
  Guests guests;
  const uint64_t percents[] = {5, 20, 35};
  for (const uint64_t percent : percents) {
    guests.push_back(Guest::create(
        program,
        {.quota = sched::CpuQuota{.budget_ns = percent * 100'000, .period_ns = 10'000'000}}));
    REQUIRE(guests.back() != nullptr);
  }
  guests.push_back(Guest::create(program));
  REQUIRE(guests.back() != nullptr);
  co_await compete(guests);
  for (size_t i = 0; i < std::size(percents); ++i) {
    const uint64_t used = guests[i]->used_ns();
    if (!is_near(used, percents[i] * kPercent)) {
      testing::note_failure(__FILE__, __LINE__, format("{} % used {} ns", percents[i], used));
    }
  }
  EXPECT(is_near(guests.back()->used_ns(), 40 * kPercent));
}

NACRE_KERNEL_TASK_TEST(cpu, a_thousand_domains_all_run) {
  GuestProgram program(kSpinModule);
  Guests guests;
  for (int i = 0; i < 1000; ++i) {
    guests.push_back(Guest::create(program));
    REQUIRE(guests.back() != nullptr);
  }
  coro::Scope scope;
  for (const auto& guest : guests) scope.spawn(guest->run(), coro::Placement::Any);
  // However long that takes where the machine below is busy; one that never runs hangs the test.
  const auto has_run = [](const std::unique_ptr<Guest>& guest) { return guest->used_ns() != 0; };
  while (!std::ranges::all_of(guests, has_run))
    co_await coro::sleep_until(arch::now_ns() + 50'000'000);
  co_await scope.cancel();
  // Nobody is far ahead of the others.
  if (clock_is_exact()) {
    for (const auto& guest : guests) EXPECT(guest->used_ns() <= 2 * sched::kMaxSliceNs);
  }
}

NACRE_KERNEL_TASK_TEST(cpu, a_spinning_guest_delays_nobody_for_long) {
  GuestProgram spin(kSpinModule);
  GuestProgram empty(kEmptyModule);
  const auto hog = Guest::create(spin);
  const auto brief = Guest::create(empty);
  REQUIRE(hog != nullptr && brief != nullptr);
  coro::Scope scope;
  scope.spawn(hog->run(), coro::Placement::Any);
  for (int i = 0; i < 20; ++i) {
    co_await coro::sleep_until(arch::now_ns() + 5'000'000);
    co_await brief->run();
  }
  co_await scope.cancel();
  EXPECT_GT(hog->used_ns(), 0u);
}

// A guest that waits in a host call until it is told to go on, again and again.
class Waiting {
 public:
  Waiting() : program_(kWaitModule) {
    guest_ = Guest::create(program_, {}, std::span(&wait_, 1));
    REQUIRE(guest_ != nullptr);
    scope_.spawn(guest_->run(), coro::Placement::Any);
  }
  ~Waiting() { scope_.cancel_now(); }

  // Until it waits for the first time.
  [[nodiscard]] coro::Task<void> settle() { co_await arrived_.wait(); }
  // Through user mode and back into the host call.
  [[nodiscard]] coro::Task<void> go_round() {
    arrived_.reset();
    go_on_.set();
    co_await arrived_.wait();
  }

 private:
  static coro::Task<runtime::HostOutcome> wait(void* self, runtime::HostCall&) {
    auto& waiting = *static_cast<Waiting*>(self);
    waiting.go_on_.reset();
    waiting.arrived_.set();
    co_await waiting.go_on_.wait();
    co_return runtime::HostOutcome::returned();
  }

  coro::Event go_on_;
  coro::Event arrived_;
  runtime::HostFunction wait_{
      .module = "t", .name = "wait", .type = {}, .handler = &Waiting::wait, .self = this};
  GuestProgram program_;
  std::unique_ptr<Guest> guest_;
  coro::Scope scope_;
};

NACRE_KERNEL_TASK_TEST(cpu, a_waiting_guest_is_woken_every_time) {
  Waiting guest;
  co_await guest.settle();
  for (int i = 0; i < 2000; ++i) co_await guest.go_round();
}

NACRE_KERNEL_TASK_BENCHMARK(wake_guest_and_back) {
  Waiting guest;
  co_await guest.settle();
  for (auto round = benchmark.rounds(1000); round.next();) co_await guest.go_round();
}

// Work of all, the other guest's included: from the deadline on.
NACRE_KERNEL_TASK_BENCHMARK(wake_guest_beside_a_busy_one) {
  Waiting guest;
  co_await guest.settle();
  GuestProgram program(kSpinModule);
  const auto hog = Guest::create(program);
  REQUIRE(hog != nullptr);
  coro::Scope scope;
  scope.spawn(hog->run(), coro::Placement::Any);
  constexpr uint64_t kRounds = 50;
  uint64_t waited_ns = 0;
  for (uint64_t i = 0; i < kRounds; ++i) {
    const uint64_t due_ns = arch::now_ns() + 3'170'000;
    co_await coro::sleep_until(due_ns);
    co_await guest.go_round();
    waited_ns += arch::now_ns() - due_ns;
  }
  benchmark.set_result(waited_ns, kRounds);
  co_await scope.cancel();
}

}  // namespace
}  // namespace nacre::kwasm
