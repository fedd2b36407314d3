// The runtime on real CPUs: strands, wakes, timers and cancellation across harts, and what they cost.
#include <array>
#include <atomic>
#include <memory>

#include "nacre/base/coro/channel.hh"
#include "nacre/base/coro/event.hh"
#include "nacre/base/coro/mutex.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/testing/benchmark.hh"
#include "nacre/kernel/testing/test.hh"

namespace nacre::exec {
namespace {

using coro::Placement;
using coro::Scope;
using coro::Task;

// nullptr if this machine has only one CPU.
Executor* second_executor() {
  return executors().find(CpuId{1});
}

// CPUs say that they are online before they have an executor.
Task<void> wait_for_executors() {
  const uint64_t deadline = arch::now_ns() + 2'000'000'000;
  while (executors().size() < testing::boot_context().info.cpu_count && arch::now_ns() < deadline) {
    co_await coro::sleep_until(arch::now_ns() + 100'000);
  }
}

Task<void> nothing() {
  co_return;
}

NACRE_KERNEL_TASK_TEST(exec, every_cpu_runs_what_it_is_given) {
  co_await wait_for_executors();
  std::array<std::atomic<uint32_t>, Group::kMaxCpus> ran{};
  const auto visit = [](std::atomic<uint32_t>* counters) -> Task<void> {
    for (int i = 0; i < 20; ++i) {
      ++counters[this_executor().cpu().value];
      co_await coro::sleep_until(arch::now_ns() + 10'000);
    }
  };
  Scope scope;
  const size_t cpus = executors().size();
  for (size_t i = 0; i < cpus; ++i) {
    Executor* executor = executors().find(CpuId{static_cast<uint32_t>(i)});
    REQUIRE(executor != nullptr);
    scope.spawn_on(executor->scheduler(), visit(ran.data()));
  }
  co_await scope.join();
  for (size_t i = 0; i < cpus; ++i) EXPECT_EQ(ran[i].load(), 20u);
}

NACRE_KERNEL_TASK_TEST(exec, idle_cpus_steal) {
  co_await wait_for_executors();
  if (second_executor() == nullptr) SKIP("one CPU");
  std::array<std::atomic<uint32_t>, Group::kMaxCpus> ran{};
  const auto work = [](std::atomic<uint32_t>* counters) -> Task<void> {
    for (int i = 0; i < 20; ++i) {
      const uint64_t until = arch::now_ns() + 50'000;
      while (arch::now_ns() < until) {
      }
      ++counters[this_executor().cpu().value];
      co_await coro::yield();
    }
  };
  Scope scope;
  for (int i = 0; i < 64; ++i) scope.spawn(work(ran.data()), Placement::Any);
  co_await scope.join();
  uint32_t total = 0;
  unsigned busy = 0;
  for (const auto& count : ran) {
    total += count.load();
    busy += count.load() != 0 ? 1 : 0;
  }
  EXPECT_EQ(total, 64u * 20);
  EXPECT_GE(busy, 2u);
}

NACRE_KERNEL_TASK_TEST(exec, a_pinned_strand_stays) {
  co_await wait_for_executors();
  const auto stay = [](bool* moved) -> Task<void> {
    const CpuId home = this_executor().cpu();
    for (int i = 0; i < 300; ++i) {
      if (i % 8 == 0) {
        co_await coro::sleep_until(arch::now_ns() + 1000);
      } else {
        co_await coro::yield();
      }
      if (this_executor().cpu() != home) *moved = true;
    }
  };
  bool moved = false;
  Scope scope;
  for (int i = 0; i < 16; ++i) scope.spawn(stay(&moved), Placement::Pinned);
  co_await scope.join();
  EXPECT(!moved);
}

// Strands that wait for mutexes, channels, events and deadlines, all over the machine, for `rounds` rounds each.
struct Storm {
  coro::Mutex mutex;
  coro::Channel<uint64_t> channel{4};
  uint64_t guarded = 0;  // by the mutex
  std::atomic<uint64_t> sent{0};
  std::atomic<uint64_t> received{0};

  Task<void> send(int rounds) {
    for (int i = 0; i < rounds; ++i) {
      const uint64_t value = sent.fetch_add(1) + 1;
      if (!co_await channel.send(value)) co_return;
    }
  }
  Task<void> receive() {
    while (const auto value = co_await channel.receive()) received.fetch_add(1);
  }
  Task<void> lock(int rounds) {
    for (int i = 0; i < rounds; ++i) {
      const auto guard = co_await mutex.lock();
      const uint64_t before = guarded;
      if (i % 5 == 0) co_await coro::yield();
      guarded = before + 1;
    }
  }
  Task<void> doze(int rounds) {
    for (int i = 0; i < rounds; ++i) {
      coro::Event never;
      const uint64_t deadline = arch::now_ns() + 500 * static_cast<uint64_t>(i % 9);
      if (co_await never.wait_until(deadline)) panic("an event that nobody set");
      if (arch::now_ns() < deadline) panic("a deadline came early");
    }
  }
};

NACRE_KERNEL_TASK_TEST(exec, a_storm_of_wakes_loses_none) {
  co_await wait_for_executors();
  Storm storm;
  Scope senders, others;
  constexpr int kRounds = 300;
  for (int i = 0; i < 8; ++i) {
    others.spawn(storm.receive(), Placement::Any);
    others.spawn(storm.lock(kRounds), Placement::Any);
    others.spawn(storm.doze(kRounds / 4), Placement::Any);
    senders.spawn(storm.send(kRounds), Placement::Any);
  }
  co_await senders.join();
  storm.channel.close();
  co_await others.join();
  EXPECT_EQ(storm.guarded, uint64_t{8} * kRounds);
  EXPECT_EQ(storm.received.load(), uint64_t{8} * kRounds);
}

struct Witness {
  std::atomic<int>& count;
  explicit Witness(std::atomic<int>& c) : count(c) { ++count; }
  ~Witness() { --count; }
};

NACRE_KERNEL_TASK_TEST(exec, cancelling_ends_strands_everywhere) {
  co_await wait_for_executors();
  std::atomic<int> alive{0};
  const auto live = [](coro::Mutex* mutex, coro::Event* event, std::atomic<int>* count,
                       int kind) -> Task<void> {
    const Witness witness(*count);
    while (true) {
      if (kind % 4 == 0) co_await event->wait();
      if (kind % 4 == 1) co_await coro::yield();
      if (kind % 4 == 2) {
        const auto guard = co_await mutex->lock();
        co_await coro::yield();
      }
      if (kind % 4 == 3) co_await coro::sleep_until(arch::now_ns() + 3000);
    }
  };
  for (int round = 0; round < 200; ++round) {
    coro::Mutex mutex;
    coro::Event never;
    Scope scope;
    for (int i = 0; i < 8; ++i) scope.spawn(live(&mutex, &never, &alive, i), Placement::Any);
    if (Executor* other = second_executor()) {
      scope.spawn_on(other->scheduler(), live(&mutex, &never, &alive, round));
    }
    for (int i = 0; i < round % 7; ++i) co_await coro::yield();
    if (round % 3 == 0) {
      scope.cancel_now();
    } else {
      co_await scope.cancel();
    }
    EXPECT_EQ(alive.load(), 0);
    EXPECT(!mutex.is_locked());
  }
}

// 100,000 strands, each with a timer and a wake from another CPU; afterwards the memory is what it was.
NACRE_KERNEL_TASK_TEST(exec, spawns_timers_and_wakes_leave_no_trace) {
  co_await wait_for_executors();
  const auto child = [](std::atomic<uint64_t>* done, coro::Event* mine,
                        coro::Event* next) -> Task<void> {
    co_await coro::sleep_until(arch::now_ns() + 2000);
    next->set();
    co_await mine->wait();
    done->fetch_add(1);
  };
  constexpr int kBatch = 50;
  std::atomic<uint64_t> done{0};
  auto events = std::make_unique<std::array<coro::Event, kBatch>>();
  uint64_t objects = 0;
  for (int round = 0; round < 2001; ++round) {
    // The first round makes what stays.
    if (round == 1) objects = mm::heap().statistics().objects;
    Scope scope;
    for (auto& event : *events) event.reset();
    for (size_t i = 0; i < kBatch; ++i) {
      scope.spawn(child(&done, &(*events)[i], &(*events)[(i + 1) % kBatch]), Placement::Any);
    }
    co_await scope.join();
  }
  EXPECT_EQ(done.load(), uint64_t{2001} * kBatch);
  // What CPUs keep in their caches counts as objects.
  EXPECT_LE(mm::heap().statistics().objects, objects + executors().size() * 512);
}

// ---- What it costs ----

NACRE_KERNEL_TASK_BENCHMARK(exec_spawn_join) {
  Scope scope;
  for (auto round = benchmark.rounds(1000); round.next();) {
    scope.spawn(nothing());
    co_await scope.join();
  }
}

NACRE_KERNEL_TASK_BENCHMARK(exec_yield) {
  for (auto round = benchmark.rounds(1000); round.next();) co_await coro::yield();
}

// Sets `out` whenever `in` was set.
Task<void> answer(coro::Event* in, coro::Event* out) {
  while (true) {
    co_await in->wait();
    in->reset();
    out->set();
  }
}

// There and back: two wakes.
NACRE_KERNEL_TASK_BENCHMARK(exec_wake_same_cpu_twice) {
  coro::Event ping, pong;
  Scope scope;
  scope.spawn(answer(&ping, &pong));
  for (auto round = benchmark.rounds(1000); round.next();) {
    ping.set();
    co_await pong.wait();
    pong.reset();
  }
  co_await scope.cancel();
}

// What the waker pays: the push, and, since the other CPU sleeps, the interrupt.
NACRE_KERNEL_TASK_BENCHMARK(exec_wake_other_cpu) {
  co_await wait_for_executors();
  Executor* other = second_executor();
  if (other == nullptr) SKIP("one CPU");
  coro::Event ping, pong;
  Scope scope;
  scope.spawn_on(other->scheduler(), answer(&ping, &pong));
  constexpr uint64_t kRounds = 200;
  uint64_t spent = 0;
  for (uint64_t i = 0; i < kRounds; ++i) {
    // Until the other sleeps.
    co_await coro::sleep_until(arch::now_ns() + 200'000);
    const uint64_t before = arch::retired_instructions();
    ping.set();
    spent += arch::retired_instructions() - before;
    co_await pong.wait();
    pong.reset();
  }
  benchmark.set_result(spent, kRounds);
  co_await scope.cancel();
}

NACRE_KERNEL_TASK_BENCHMARK(exec_timer_set_cancel) {
  coro::TimerWheel& wheel = this_executor().scheduler().timers();
  coro::Timer timer([](coro::Timer&) noexcept {});
  const uint64_t now = arch::now_ns();
  uint64_t distance = 1'000'000'000;
  for (auto round = benchmark.rounds(1000); round.next();) {
    wheel.insert(timer, now + distance);
    timer.cancel();
    distance += 777'777;
  }
  co_return;
}

NACRE_KERNEL_BENCHMARK(exec_timer_set_fire) {
  auto wheel = std::make_unique<coro::TimerWheel>();
  coro::Timer timer([](coro::Timer&) noexcept {});
  uint64_t now = 1'000'000;
  benchmark.measure(1000, [&] {
    wheel->insert(timer, now + 50'000);
    now += 60'000;
    wheel->expire(now);
  });
}

}  // namespace
}  // namespace nacre::exec
