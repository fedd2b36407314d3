// What things cost in the booted kernel, in instructions. They live with the tests and run on request (boot argument `bench`);
// `./nacre bench` prints them. Instructions are exact under the emulator's `-icount shift=0,sleep=off` on one hart.
//
// One that needs another CPU says SKIP("…") when there is none: the benchmarks are run with one hart and with two.
//
//   NACRE_KERNEL_BENCHMARK(new_delete) { benchmark.measure(1000, [] { … }); }
//   NACRE_KERNEL_TASK_BENCHMARK(spawn_join) {
//     for (auto round = benchmark.rounds(1000); round.next();) co_await …;
//   }
#pragma once

#include <cstdint>
#include <string_view>

#include "nacre/base/coro/task.hh"
#include "nacre/kernel/arch/counting.hh"

namespace nacre::testing {

// One run of a benchmark. What it measured last is its result.
class Benchmark {
 public:
  // Counts from the second next() on: the first round, which warms caches and grows pools, is not counted.
  class Rounds {
   public:
    Rounds(Benchmark& benchmark, uint64_t count) noexcept : benchmark_(benchmark), count_(count) {}
    [[nodiscard]] bool next() noexcept {
      if (done_ == 1) start_ = arch::retired_instructions();
      if (done_ <= count_) {
        ++done_;
        return true;
      }
      benchmark_.set_result(arch::retired_instructions() - start_, count_);
      return false;
    }

   private:
    Benchmark& benchmark_;
    uint64_t count_;
    uint64_t done_ = 0;
    uint64_t start_ = 0;
  };
  [[nodiscard]] Rounds rounds(uint64_t count) noexcept { return {*this, count}; }

  // Runs `action` once to warm up and `count` times to measure.
  template <class Action>
  void measure(uint64_t count, Action&& action) {
    for (Rounds round = rounds(count); round.next();) action();
  }

  // For what is counted otherwise: the instructions of `count` rounds together.
  void set_result(uint64_t instructions, uint64_t count) noexcept {
    instructions_ = instructions;
    count_ = count;
  }
  // Of one round, rounded to the nearest; the loop's own few instructions included.
  [[nodiscard]] uint64_t result() const noexcept {
    return count_ == 0 ? 0 : (instructions_ + count_ / 2) / count_;
  }
  [[nodiscard]] bool has_result() const noexcept { return count_ != 0; }

 private:
  uint64_t instructions_ = 0;
  uint64_t count_ = 0;
};

class RegisteredBenchmark {
 public:
  using Run = coro::Task<void> (*)(Benchmark& benchmark);

  // Registers itself: an object with static storage.
  RegisteredBenchmark(const char* name, Run run);
  RegisteredBenchmark(const RegisteredBenchmark&) = delete;
  RegisteredBenchmark& operator=(const RegisteredBenchmark&) = delete;

  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] Run run() const { return run_; }
  [[nodiscard]] static const RegisteredBenchmark* first();
  [[nodiscard]] const RegisteredBenchmark* next() const { return next_; }

 private:
  const char* name_;
  Run run_;
  const RegisteredBenchmark* next_;
};

}  // namespace nacre::testing

#define NACRE_KERNEL_BENCHMARK(name)                                                    \
  static void nacre_benchmark_##name(::nacre::testing::Benchmark& benchmark);           \
  static const ::nacre::testing::RegisteredBenchmark nacre_registered_benchmark_##name( \
      #name, [](::nacre::testing::Benchmark& run) -> ::nacre::coro::Task<void> {        \
        nacre_benchmark_##name(run);                                                    \
        co_return;                                                                      \
      });                                                                               \
  static void nacre_benchmark_##name([[maybe_unused]] ::nacre::testing::Benchmark& benchmark)

// The body is a coroutine.
#define NACRE_KERNEL_TASK_BENCHMARK(name)                                                          \
  static ::nacre::coro::Task<void> nacre_benchmark_##name(::nacre::testing::Benchmark& benchmark); \
  static const ::nacre::testing::RegisteredBenchmark nacre_registered_benchmark_##name(            \
      #name, &nacre_benchmark_##name);                                                             \
  static ::nacre::coro::Task<void> nacre_benchmark_##name(                                         \
      [[maybe_unused]] ::nacre::testing::Benchmark& benchmark)
