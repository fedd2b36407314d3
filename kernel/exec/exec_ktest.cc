// The runtime on real CPUs: strands, wakes, timers and cancellation across harts.
#include <array>
#include <atomic>

#include "executor_ktest.hh"
#include "nacre/base/coro/channel.hh"
#include "nacre/base/coro/event.hh"
#include "nacre/base/coro/mutex.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/testing/test.hh"

namespace nacre::exec {
namespace {

using coro::Placement;
using coro::Scope;
using coro::Task;

NACRE_KERNEL_TASK_TEST(exec, every_cpu_runs_what_it_is_given) {
  co_await wait_for_executors();
  std::array<std::atomic<uint32_t>, Group::kMaxCpus> ran{};
  const auto visit = [](uint32_t, std::atomic<uint32_t>* counters) -> Task<void> {
    for (int i = 0; i < 20; ++i) {
      ++counters[this_executor().cpu().value];
      co_await coro::sleep_until(arch::now_ns() + 10'000);
    }
  };
  Scope scope;
  const size_t cpus = executors().size();
  testing::spawn_everywhere(scope, visit, ran.data());
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

}  // namespace
}  // namespace nacre::exec
