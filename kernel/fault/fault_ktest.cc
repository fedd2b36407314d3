// Each fault that a request survives, in each context: how it ends, and that the kernel is whole afterwards. What is reported,
// tests/faults compares.
#include "nacre/kernel/fault/fault.hh"

#include <atomic>
#include <new>
#include <string>

#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/arch/opaque.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/exec/fiber.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/fault/unwinding.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/testing/all_cpus.hh"
#include "nacre/kernel/testing/faulty_interrupt.hh"
#include "nacre/kernel/testing/test.hh"
#include "nacre/kernel/trace/panic.hh"

namespace nacre::fault {
namespace {

// How `action` ends: a panic's message, or "out of memory", or "".
template <class Action>
std::string ending_of(Action&& action) {
  const trace::SpanMark mark;
  try {
    action();
    return "";
  } catch (const trace::PanicException& panic) {
    mark.restore();
    return std::string(panic.report.message());
  } catch (const std::bad_alloc&) {
    return "out of memory";
  }
}

std::string_view expected_ending(std::string_view kind) {
  if (kind == "null") return "page fault on a load in the kernel, address 0x8, pc 0x";
  if (kind == "stack") return "kernel stack overflow: sp 0x";
  if (kind == "unmapped") return "page fault on a load in the kernel, address 0xff";
  if (kind == "text") return "page fault on a store in the kernel, address 0xff";
  if (kind == "assert") return "assertion failed: opaque(three) == 4";
  return "out of memory";
}

void expect_ending(const Kind& kind, const std::string& ending) {
  EXPECT(kind.reach == Reach::Request);
  if (!ending.starts_with(expected_ending(kind.name)))
    testing::note_failure(__FILE__, __LINE__, format("'{}' after {}", ending, kind.name));
}

const Kind& kind_named(std::string_view name) {
  const Kind* const kind = find(name);
  REQUIRE(kind != nullptr);
  return *kind;
}

// Calls work(cpu) on every CPU, in tasks.
template <class Work>
coro::Task<void> everywhere(const Work& work) {
  co_await testing::wait_for_executors();
  coro::Scope scope;
  const auto run = [](uint32_t number, const Work* on_cpu) -> coro::Task<void> {
    (*on_cpu)(number);
    co_return;
  };
  testing::spawn_everywhere(scope, run, &work);
  co_await scope.join();
}

// The first time makes what stays: a fiber's stack. After the second nothing is lost, and
// every CPU still works.
template <class Once>
coro::Task<void> twice(std::string_view name, const Once& once) {
  const Kind& kind = kind_named(name);
  co_await once(kind);
  const uint64_t before = mm::frames_outside_heap();
  co_await once(kind);
  std::atomic<size_t> alive{0};
  co_await everywhere([&](uint32_t) { alive.fetch_add(1, std::memory_order_relaxed); });
  EXPECT_EQ(alive.load(std::memory_order_relaxed), exec::executors().size());
  EXPECT_EQ(arch::this_cpu().panic_depth, 0u);
  EXPECT_EQ(mm::frames_outside_heap(), before);
}

coro::Task<void> in_a_task(const Kind& kind) {
  unsigned destroyed = 0;
  expect_ending(kind, ending_of([&] {
                  const CountsDestruction guard{destroyed};
                  arch::opaque(kind.make)();
                }));
  EXPECT_EQ(destroyed, 1u);
  co_return;
}

coro::Task<void> in_a_fiber(const Kind& kind) {
  unsigned destroyed = 0;
  std::string ending;
  try {
    const auto done = co_await exec::run_on_fiber([&] {
      const CountsDestruction guard{destroyed};
      arch::opaque(kind.make)();
    });
    EXPECT(done.has_value());
  } catch (const trace::PanicException& panic) {
    ending = panic.report.message();
  } catch (const std::bad_alloc&) {
    ending = "out of memory";
  }
  expect_ending(kind, ending);
  EXPECT_EQ(destroyed, 1u);
}

coro::Task<void> in_an_interrupt(const Kind& kind) {
  const testing::FaultyInterrupt interrupt(kind.make, arch::this_cpu().id);
  expect_ending(kind, ending_of([] { exec::this_port().serve_interrupts(); }));
  co_return;
}

// All CPUs at the same moment: each has its report, its ending, and goes on.
coro::Task<void> on_all_cpus_at_once(const Kind& kind) {
  std::atomic<size_t> ready{0};
  co_await everywhere([&](uint32_t) {
    ready.fetch_add(1, std::memory_order_relaxed);
    while (ready.load(std::memory_order_relaxed) < exec::executors().size()) {
    }
    expect_ending(kind, ending_of([&] { arch::opaque(kind.make)(); }));
  });
}

[[gnu::noinline]] void make_below(size_t bytes, void (*make)()) {
  (void)arch::opaque(__builtin_alloca(arch::opaque(bytes)));
  arch::opaque(make)();
}

// Each instruction of the function that overflows may be the one that has no room, those of its beginning too.
NACRE_KERNEL_TEST(fault, stack_overflows_wherever_it_runs_out) {
  const Kind& kind = kind_named("stack");
  for (size_t bytes = 0; bytes < 512; bytes += 16) {
    expect_ending(kind, ending_of([&] { make_below(bytes, kind.make); }));
  }
}

#define NACRE_FAULT_TESTS(kind)                           \
  NACRE_KERNEL_TASK_TEST(fault, kind##_in_a_task) {       \
    co_await twice(#kind, &in_a_task);                    \
  }                                                       \
  NACRE_KERNEL_TASK_TEST(fault, kind##_in_a_fiber) {      \
    co_await twice(#kind, &in_a_fiber);                   \
  }                                                       \
  NACRE_KERNEL_TASK_TEST(fault, kind##_in_an_interrupt) { \
    co_await twice(#kind, &in_an_interrupt);              \
  }                                                       \
  NACRE_KERNEL_TASK_TEST(fault, kind##_on_all_cpus) {     \
    co_await twice(#kind, &on_all_cpus_at_once);          \
  }

// A CPU that has nothing else to run keeps the tables of the space that it used last. By its name before the other tests, so that
// nobody was there before this space was made.
NACRE_KERNEL_TASK_TEST(earlier_space, reaches_the_page_of_unmapped) {
  auto space = mm::AddressSpace::create(mm::machine(), make_ref<mm::Budget>(ByteSize::mib(1)));
  REQUIRE(space.has_value());
  mm::activate(**space);
  // Where the page cannot be reached it faults as well, but is then left mapped.
  co_await twice("unmapped", in_a_task);
  mm::deactivate();
}

NACRE_FAULT_TESTS(null)
NACRE_FAULT_TESTS(stack)
NACRE_FAULT_TESTS(unmapped)
NACRE_FAULT_TESTS(text)
NACRE_FAULT_TESTS(assert)
NACRE_FAULT_TESTS(memory)

}  // namespace
}  // namespace nacre::fault
