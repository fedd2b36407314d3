// A domain's module is compiled in the domain's own time, and nobody else waits for that.
#include "work_for_domain.hh"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "guest_ktest.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/engine/runtime/program.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/exec/fiber.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/testing/test.hh"

namespace nacre::kwasm {
namespace {

constexpr uint64_t kMillisecond = 1'000'000;

void append_leb(std::vector<uint8_t>& out, uint32_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<uint8_t>(value | 0x80));
  out.push_back(static_cast<uint8_t>(value));
}

// One function whose body repeats (drop (i32.const 0)).
std::vector<uint8_t> module_with_long_function(uint32_t repetitions) {
  std::vector<uint8_t> body = {0};  // no locals
  for (uint32_t i = 0; i < repetitions; ++i) body.insert(body.end(), {0x41, 0x00, 0x1a});
  body.push_back(0x0b);
  std::vector<uint8_t> code = {1};
  append_leb(code, static_cast<uint32_t>(body.size()));
  code.insert(code.end(), body.begin(), body.end());
  std::vector<uint8_t> module = {0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x04,
                                 0x01, 0x60, 0x00, 0x00, 0x03, 0x02, 0x01, 0x00, 0x0a};
  append_leb(module, static_cast<uint32_t>(code.size()));
  module.insert(module.end(), code.begin(), code.end());
  return module;
}

// Compiles it `times` times. `checks` counts how often it could have paused: the same for every compilation.
coro::Task<void> compile_for(sched::CpuAccount& account, const std::vector<uint8_t>& module,
                             int times, int* compiled, uint64_t* checks = nullptr) {
  const auto check = [](void* counter) {
    if (counter != nullptr) ++*static_cast<uint64_t*>(counter);
    exec::fiber_checkpoint();
  };
  mm::HeapAccount memory(mm::heap(), make_ref<mm::Budget>(ByteSize::gib(1)));
  const auto worked = co_await work_for(account, &memory, [&] {
    runtime::CompileSettings settings;
    settings.pauses = {check, checks};
    for (int i = 0; i < times; ++i) {
      runtime::TypeRegistry types;
      if (runtime::CompiledProgram::compile_view(module, types, settings)) ++*compiled;
    }
  });
  EXPECT(worked.has_value());
}

struct Watch {
  bool stop = false;
  uint64_t checks = 0;       // of the work beside it
  uint64_t seen = 0;         // of those, at the last look
  uint64_t most_checks = 0;  // between two looks
  uint64_t latest_ns = 0;

  void look() {
    most_checks = std::max(most_checks, checks - seen);
    seen = checks;
  }
};

// Sleeps again and again for a millisecond until told to stop; by how much it was late at worst, and how much work was done
// between two times that it ran.
coro::Task<void> watch(Watch* state) {
  while (!state->stop) {
    const uint64_t due_ns = arch::now_ns() + kMillisecond;
    co_await coro::sleep_until(due_ns);
    state->latest_ns = std::max(state->latest_ns, arch::now_ns() - due_ns);
    state->look();
  }
}

NACRE_KERNEL_TASK_TEST(work, others_run_while_a_long_function_is_compiled) {
  const std::vector<uint8_t> module = module_with_long_function(400'000);
  const auto account = make_ref<sched::CpuAccount>(sched::CpuLimits{});
  Watch state;
  int compiled = 0;
  coro::Scope scope;
  // On this CPU, as the work is.
  scope.spawn(watch(&state), coro::Placement::Pinned);
  const uint64_t begin_ns = arch::now_ns();
  co_await compile_for(*account, module, 1, &compiled, &state.checks);
  const uint64_t took_ns = arch::now_ns() - begin_ns;
  state.look();
  state.stop = true;
  co_await scope.join();
  EXPECT_EQ(compiled, 1);
  // Not in one piece. How long a piece takes depends on the machine below, what is done in it does not.
  EXPECT_GT(state.checks, 100u);
  EXPECT_LT(state.most_checks, state.checks / 4);
  // It has paid for it.
  EXPECT(account->used_ns() <= took_ns);
  if (clock_is_exact()) {
    EXPECT_GT(account->used_ns(), took_ns / 2);
    EXPECT_GT(took_ns, 10 * kMillisecond);
#ifdef NDEBUG
    // A kernel that checks itself does more between two looks at the clock.
    EXPECT_LT(state.latest_ns, 3 * exec::kFiberSliceNs);
#endif
  }
}

NACRE_KERNEL_TASK_TEST(work, a_quota_slows_it_down) {
  const std::vector<uint8_t> module = module_with_long_function(100'000);
  const sched::CpuLimits fifth = {
      .quota = sched::CpuQuota{.budget_ns = 2 * kMillisecond, .period_ns = 10 * kMillisecond}};
  const auto account = make_ref<sched::CpuAccount>(fifth);
  int compiled = 0;
  const uint64_t begin_ns = arch::now_ns();
  co_await compile_for(*account, module, 5, &compiled);
  const uint64_t took_ns = arch::now_ns() - begin_ns;
  EXPECT_EQ(compiled, 5);
  EXPECT_GT(account->throttled(), 0u);
  // What the last slice overran nobody waits for; it may be much where the machine below is busy.
  if (clock_is_exact()) EXPECT_GT(took_ns, 3 * account->used_ns());
}

NACRE_KERNEL_TASK_TEST(work, cancelled_anywhere_it_leaves_nothing) {
  const std::vector<uint8_t> module = module_with_long_function(100'000);
  const auto account = make_ref<sched::CpuAccount>(sched::CpuLimits{});
  int compiled = 0;
  co_await compile_for(*account, module, 1, &compiled);
  const auto live_bytes = [] { return mm::heap().statistics().large_bytes; };
  const uint64_t before = live_bytes();
  for (uint64_t after_ns = 0; after_ns < 40 * kMillisecond; after_ns += 3 * kMillisecond) {
    coro::Scope scope;
    scope.spawn(compile_for(*account, module, 1000, &compiled));
    co_await coro::sleep_until(arch::now_ns() + after_ns);
    co_await scope.cancel();
  }
  EXPECT_EQ(live_bytes(), before);
}

}  // namespace
}  // namespace nacre::kwasm
