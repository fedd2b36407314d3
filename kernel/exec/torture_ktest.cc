// Spawns, timers and wakes across CPUs in large numbers: none is lost, and afterwards the memory is what it was. The suite
// `exec` has a small share of it; `torture_long` runs with --long.
#include <array>
#include <atomic>
#include <memory>
#include <optional>

#include "executor_ktest.hh"
#include "nacre/base/coro/channel.hh"
#include "nacre/base/coro/event.hh"
#include "nacre/base/coro/mutex.hh"
#include "nacre/base/coro/rw_lock.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/base/coro/select.hh"
#include "nacre/base/coro/semaphore.hh"
#include "nacre/kernel/mm/kernel_memory.hh"

namespace nacre::exec {
namespace {

using coro::Placement;
using coro::Scope;
using coro::Task;

// Where the i-th of something goes: in turn to every CPU.
coro::Scheduler& scheduler_for(size_t i) {
  Executor* const executor = executors().find(CpuId{static_cast<uint32_t>(i % executors().size())});
  ASSERT(executor != nullptr);
  return executor->scheduler();
}

// Frames that are not free, and objects that are outside the heap's slabs, CPUs' caches included.
struct Memory {
  uint64_t frames;
  uint64_t objects;
};
Memory memory_in_use() {
  return {.frames = mm::frames().counts().used(), .objects = mm::heap().statistics().objects};
}

// ---- Spawns, timers, wakes ----

struct Ring {
  static constexpr size_t kStrands = 50;

  std::array<coro::Event, kStrands> events;
  std::atomic<uint64_t> done{0};
  std::atomic<uint64_t> woken_elsewhere{0};

  // Sleeps, wakes the next, and waits for the one before.
  Task<void> member(size_t i) {
    co_await coro::sleep_until(arch::now_ns() + 1000 + 97 * i);
    events[(i + 1) % kStrands].set();
    const CpuId before = this_executor().cpu();
    co_await events[i].wait();
    if (this_executor().cpu() != before) woken_elsewhere.fetch_add(1);
    done.fetch_add(1);
  }
};

// `rounds` rings, whose members start on all CPUs; every second ring may move, the others stay.
Task<void> turn_rings(uint64_t rounds) {
  co_await wait_for_executors();
  const auto ring = std::make_unique<Ring>();
  // The first rounds make what stays: caches, stacks of free objects.
  constexpr uint64_t kWarm = 20;
  std::optional<Memory> before;
  for (uint64_t round = 0; round < rounds + kWarm; ++round) {
    if (round == kWarm) before = memory_in_use();
    for (auto& event : ring->events) event.reset();
    Scope scope;
    for (size_t i = 0; i < Ring::kStrands; ++i) {
      scope.spawn_on(scheduler_for(i), ring->member(i),
                     round % 2 == 0 ? Placement::Any : Placement::Pinned);
    }
    co_await scope.join();
  }
  EXPECT_EQ(ring->done.load(), (rounds + kWarm) * Ring::kStrands);
  const Memory after = memory_in_use();
  const size_t cpus = executors().size();
  // What CPUs keep in their caches, of each kind at most.
  EXPECT_LE(after.objects, before->objects + cpus * 512);
  EXPECT_LE(after.frames, before->frames + cpus * 64);
}

NACRE_KERNEL_TASK_TEST(exec, spawns_timers_and_wakes_leave_no_trace) {
  co_await turn_rings(100);
}
NACRE_KERNEL_TASK_TEST(torture_long, a_hundred_thousand_spawns_timers_and_wakes) {
  co_await turn_rings(100'000 / Ring::kStrands);
}

// ---- Every primitive, on all CPUs ----

struct Contest {
  explicit Contest(uint64_t r) : rounds(r) {}

  const uint64_t rounds;
  coro::RwLock lock;
  uint64_t left = 0, right = 0;  // equal whenever nobody writes
  std::atomic<uint64_t> readers{0};
  coro::Semaphore permits{3};
  std::atomic<uint64_t> inside{0};
  std::atomic<uint64_t> most_inside{0};
  coro::Channel<uint64_t> first{2};
  coro::Channel<uint64_t> second{2};
  std::atomic<uint64_t> received{0};
  std::atomic<uint64_t> timed_out{0};

  Task<void> write() {
    for (uint64_t i = 0; i < rounds; ++i) {
      const auto guard = co_await lock.write();
      ++left;
      if (i % 4 == 0) co_await coro::yield();
      ++right;
    }
  }
  Task<void> read() {
    for (uint64_t i = 0; i < rounds; ++i) {
      const auto guard = co_await lock.read();
      if (left != right) panic("a reader beside a writer");
      readers.fetch_add(1);
      if (i % 8 == 0) co_await coro::yield();
      if (left != right) panic("a writer beside a reader");
    }
  }
  Task<void> use_permit() {
    for (uint64_t i = 0; i < rounds; ++i) {
      const auto permit = co_await permits.acquire();
      const uint64_t now = inside.fetch_add(1) + 1;
      if (now > most_inside.load()) most_inside.store(now);
      if (i % 4 == 0) co_await coro::yield();
      inside.fetch_sub(1);
    }
  }
  Task<void> send(coro::Channel<uint64_t>* channel) {
    for (uint64_t i = 0; i < rounds; ++i) {
      if (!co_await channel->send(i)) panic("closed before the last value");
    }
  }
  // From both, until both are closed; sometimes impatient.
  Task<void> receive() {
    bool open[2] = {true, true};
    for (uint64_t i = 0; open[0] || open[1]; ++i) {
      const uint64_t deadline = i % 3 == 0 ? arch::now_ns() + 500 : coro::kNever;
      if (!open[0] || !open[1]) {
        const auto value = co_await (open[0] ? first : second).receive();
        if (!value) break;
        received.fetch_add(1);
        continue;
      }
      const auto got =
          co_await coro::select(first.receive(), second.receive(), coro::deadline(deadline));
      if (got.index() == 2) {
        timed_out.fetch_add(1);
      } else {
        const auto& value = got.index() == 0 ? std::get<0>(got) : std::get<1>(got);
        if (value) {
          received.fetch_add(1);
        } else {
          open[got.index()] = false;
        }
      }
    }
  }
  // Half of them end in time.
  Task<void> hurry() {
    const auto nap = [](uint64_t ns) -> Task<int> {
      co_await coro::sleep_until(arch::now_ns() + ns);
      co_return 1;
    };
    for (uint64_t i = 0; i < rounds / 4; ++i) {
      const bool ends = i % 2 == 0;
      const uint64_t now = arch::now_ns();
      const auto result = co_await coro::within(ends ? now + 10'000'000'000 : now + 1000,
                                                nap(ends ? 500 : 10'000'000'000));
      if (result.has_value() != ends) panic("within: ended another way than it had to");
    }
  }
};

Task<void> hold_contest(uint64_t rounds) {
  co_await wait_for_executors();
  Contest contest(rounds);
  Scope senders, others;
  constexpr size_t kEach = 6;
  for (size_t i = 0; i < kEach; ++i) {
    const Placement placement = i % 2 == 0 ? Placement::Any : Placement::Pinned;
    others.spawn_on(scheduler_for(i), contest.write(), placement);
    others.spawn_on(scheduler_for(i + 1), contest.read(), placement);
    others.spawn_on(scheduler_for(i + 2), contest.read(), placement);
    others.spawn_on(scheduler_for(i + 3), contest.use_permit(), placement);
    others.spawn_on(scheduler_for(i), contest.receive(), placement);
    others.spawn_on(scheduler_for(i + 1), contest.hurry(), placement);
    senders.spawn_on(scheduler_for(i + 2),
                     contest.send(i % 2 == 0 ? &contest.first : &contest.second), placement);
  }
  co_await senders.join();
  contest.first.close();
  contest.second.close();
  co_await others.join();
  EXPECT_EQ(contest.left, rounds * kEach);
  EXPECT_EQ(contest.right, rounds * kEach);
  EXPECT_EQ(contest.readers.load(), 2 * rounds * kEach);
  EXPECT_EQ(contest.received.load(), rounds * kEach);
  EXPECT_LE(contest.most_inside.load(), 3u);
  EXPECT_EQ(contest.permits.available(), 3u);
  EXPECT(contest.lock.is_free());
}

NACRE_KERNEL_TASK_TEST(exec, every_primitive_on_all_cpus) {
  co_await hold_contest(100);
}
NACRE_KERNEL_TASK_TEST(torture_long, every_primitive_on_all_cpus) {
  co_await hold_contest(5000);
}

// ---- Cancelling what waits ----

struct Witness {
  std::atomic<int>& count;
  explicit Witness(std::atomic<int>& c) : count(c) { ++count; }
  ~Witness() { --count; }
};

// Strands that wait in every way, cancelled from here at all moments.
Task<void> cancel_waiters(int rounds) {
  co_await wait_for_executors();
  std::atomic<int> alive{0};
  const auto wait = [](coro::RwLock* lock, coro::Semaphore* permits, coro::Channel<int>* channel,
                       coro::Event* event, std::atomic<int>* count, size_t kind) -> Task<void> {
    const Witness witness(*count);
    for (int i = 0;; ++i) {
      if (kind % 5 == 0) {
        const auto guard = co_await lock->write();
        co_await coro::yield();
      } else if (kind % 5 == 1) {
        const auto guard = co_await lock->read();
        co_await coro::yield();
      } else if (kind % 5 == 2) {
        const auto permit = co_await permits->acquire();
        co_await coro::yield();
      } else if (kind % 5 == 3) {
        (void)co_await channel->send(i);
      } else {
        (void)co_await coro::select(channel->receive(), event->wait(),
                                    coro::deadline(arch::now_ns() + 700));
      }
    }
  };
  for (int round = 0; round < rounds; ++round) {
    coro::RwLock lock;
    coro::Semaphore permits(1);
    coro::Channel<int> channel(1);
    coro::Event event;
    Scope scope;
    for (size_t i = 0; i < 15; ++i) {
      scope.spawn_on(
          scheduler_for(i), wait(&lock, &permits, &channel, &event, &alive, i),
          (i + static_cast<size_t>(round)) % 2 == 0 ? Placement::Any : Placement::Pinned);
    }
    for (int i = 0; i < round % 6; ++i) co_await coro::yield();
    if (round % 3 == 0) {
      scope.cancel_now();
    } else {
      co_await scope.cancel();
    }
    REQUIRE(alive.load() == 0);
    REQUIRE(lock.is_free());
    REQUIRE(permits.available() == 1);
  }
}

NACRE_KERNEL_TASK_TEST(exec, what_waits_is_cancelled_in_every_way) {
  co_await cancel_waiters(100);
}
NACRE_KERNEL_TASK_TEST(torture_long, what_waits_is_cancelled_in_every_way) {
  co_await cancel_waiters(5000);
}

}  // namespace
}  // namespace nacre::exec
