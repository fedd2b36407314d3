// Panics, faults and stack overflows in one request: destructors run and the kernel goes on.
#include "nacre/kernel/trace/panic.hh"

#include <array>
#include <new>
#include <utility>

#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/arch/opaque.hh"
#include "nacre/kernel/testing/benchmark.hh"
#include "nacre/kernel/testing/test.hh"

namespace nacre::trace {
namespace {

using arch::opaque;

struct CountsDestruction {
  unsigned& count;
  ~CountsDestruction() { ++count; }
};

[[gnu::noinline]] void panic_at_depth(unsigned depth, unsigned& destroyed) {
  const CountsDestruction guard{destroyed};
  if (depth == 0) panic("on request");
  panic_at_depth(depth - 1, destroyed);
  (void)opaque(depth);
}

NACRE_KERNEL_TEST(panic, runs_destructors_and_is_caught_as_often_as_one_likes) {
  unsigned destroyed = 0;
  for (unsigned round = 0; round < 3; ++round) {
    EXPECT_PANIC(panic_at_depth(4, destroyed), "on request");
  }
  EXPECT_EQ(destroyed, 15u);
}

NACRE_KERNEL_TEST(panic, failed_assertion_is_quoted) {
  const size_t three = 3;
  EXPECT_PANIC(ASSERT(opaque(three) == 4), "assertion failed: opaque(three) == 4");
}

[[gnu::noinline]] uint64_t read_unmapped(uint64_t address) {
  // SAFETY: not sound at all: this is the fault under test.
  return *reinterpret_cast<volatile uint64_t*>(address);
}

// The panic of a fault unwinds through the interrupted function like through any other. (Called through a pointer: where the
// compiler sees that a callee cannot throw, its caller has no way to clean up.)
NACRE_KERNEL_TEST(panic, fault_runs_destructors) {
  unsigned destroyed = 0;
  const auto fault = [&] {
    const CountsDestruction guard{destroyed};
    (void)opaque(opaque(&read_unmapped)(0x1230));
  };
  EXPECT_PANIC(fault(), "page fault on a load in the kernel, address 0x1230");
  EXPECT_EQ(destroyed, 1u);
}

[[gnu::noinline]] uint64_t recurse(uint64_t n) {
  std::array<volatile uint64_t, 32> local{};
  local[n % 32] = n;
  if (opaque(n) == ~uint64_t{0}) return 0;
  return recurse(n + 1) + local[opaque(n) % 32];
}

NACRE_KERNEL_TEST(panic, stack_overflow_is_survived) {
  for (unsigned round = 0; round < 2; ++round) {
    EXPECT_PANIC((void)recurse(0), "kernel stack overflow");
  }
}

// Takes all the memory that there is, in pieces that are linked through themselves.
class AllMemory {
 public:
  AllMemory() {
    for (size_t size = size_t{16} << 20; size >= sizeof(Piece); size /= 2) {
      while (void* memory = ::operator new(size, std::nothrow)) first_ = new (memory) Piece{first_};
    }
  }
  ~AllMemory() {
    while (first_ != nullptr) ::operator delete(std::exchange(first_, first_->next));
  }
  AllMemory(const AllMemory&) = delete;
  AllMemory& operator=(const AllMemory&) = delete;

 private:
  struct Piece {
    Piece* next;
  };
  Piece* first_ = nullptr;
};

// Report, exception and unwinding need no heap.
NACRE_KERNEL_TEST(panic, works_with_no_memory_left) {
  unsigned destroyed = 0;
  bool was_full = false;
  std::expected<void, PanicReport> result;
  {
    const AllMemory all;
    was_full = ::operator new(16, std::nothrow) == nullptr;
    result = catch_panic("a test", [&] { panic_at_depth(2, destroyed); });
  }
  EXPECT(was_full);
  EXPECT(!result && result.error().message() == "on request");
  EXPECT_EQ(destroyed, 3u);
}

coro::Task<void> panicking_request(unsigned& destroyed) {
  const CountsDestruction guard{destroyed};
  co_await coro::yield();
  panic("in a task");
}

// A task's panic ends that task; whoever joins it learns of it, its siblings go on.
NACRE_KERNEL_TASK_TEST(panic, in_a_task_ends_only_that_task) {
  unsigned destroyed = 0;
  bool sibling_done = false;
  coro::Scope scope;
  const auto sibling = [](bool& done) -> coro::Task<void> {
    for (unsigned i = 0; i < 10; ++i) co_await coro::yield();
    done = true;
  };
  scope.spawn(panicking_request(destroyed));
  scope.spawn(sibling(sibling_done));
  bool thrown = false;
  try {
    co_await scope.join();
  } catch (const PanicException& panic) {
    thrown = panic.report.message() == "in a task";
  }
  EXPECT(thrown);
  EXPECT(sibling_done);
  EXPECT_EQ(destroyed, 1u);
}

NACRE_KERNEL_BENCHMARK(counting_itself) {
  benchmark.measure(1000, [] {});
}

}  // namespace
}  // namespace nacre::trace
