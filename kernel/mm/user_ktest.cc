// Memory as user mode sees it, and what the ways in and out of the kernel cost.
#include <array>
#include <memory>

#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/testing/benchmark.hh"
#include "nacre/kernel/testing/test.hh"
#include "nacre/kernel/testing/user_code.hh"
#include "nacre/kernel/trap/dispatch.hh"
#include "nacre/kernel/trap/user_mode.hh"

namespace nacre::mm {
namespace {

using trap::Cause;
using trap::Register;

// Machine code, position-independent.
constexpr std::array<uint32_t, 4> kTouch = {
    0x00053023,  // 1: sd   zero, 0(a0)
    0x00b50533,  //    add  a0, a0, a1
    0xfec56ce3,  //    bltu a0, a2, 1b
    0x00100073,  //    ebreak
};
constexpr std::array<uint32_t, 5> kCall = {
    0x00000293,  // 1: li   t0, 0
    0x00000073,  //    ecall
    0xfff40413,  //    addi s0, s0, -1
    0xfe041ae3,  //    bnez s0, 1b
    0x00100073,  //    ebreak
};
// Instructions of the user's own in a round of either loop.
constexpr uint64_t kTouchRound = 3;
constexpr uint64_t kCallRound = 4;

constexpr ByteSize kMuchMemory = ByteSize::mib(64);

Ref<Budget> large_budget() {
  return make_ref<Budget>(kMuchMemory);
}
std::unique_ptr<AddressSpace> make_space() {
  auto space = AddressSpace::create(machine(), large_budget());
  REQUIRE(space.has_value());
  return std::move(*space);
}

// A thread at the beginning of a program in a space that is active while it lives.
class User {
 public:
  template <size_t N>
  explicit User(const std::array<uint32_t, N>& code) : code_(code, kMuchMemory) {
    activate(code_.space());
  }
  ~User() {
    trap::forget_registers(context_);
    deactivate();
  }
  User(const User&) = delete;
  User& operator=(const User&) = delete;

  // From the program's start to its breakpoint, or to a fault that the space cannot serve.
  trap::ExitReason run() {
    context_.pc = code_.start().value();
    while (true) {
      const trap::ExitReason exit = trap::enter_user(context_);
      if (exit.is_interrupt()) {
        // A timer of the executor's, say.
        trap::serve_interrupt(exit);
        continue;
      }
      if (!code_.serve(exit)) return exit;
      ++faults;
    }
  }
  uint64_t& operator[](Register r) { return context_[r]; }
  AddressSpace& space() { return code_.space(); }

  uint64_t faults = 0;

 private:
  testing::UserCode code_;
  trap::UserContext context_{};
};

// Touches [begin, end) at a distance.
void touch(User& user, UserAddr begin, UserAddr end, uint64_t distance) {
  user[Register::A0] = begin.value();
  user[Register::A1] = distance;
  user[Register::A2] = end.value();
}

NACRE_KERNEL_TEST(mm, user_mode_reaches_what_is_committed_and_no_more) {
  User user(kTouch);
  const auto memory = user.space().reserve(ByteSize::gib(8));
  REQUIRE(memory.has_value());
  REQUIRE(user.space().commit(*memory, ByteSize::mib(1)).has_value());
  touch(user, *memory, *memory + ByteSize::mib(1), kPageSize);
  EXPECT(user.run().cause == Cause::Breakpoint);
  EXPECT_GT(user.faults, uint64_t{0});
  touch(user, *memory, *memory + ByteSize::mib(2), kPageSize);
  const trap::ExitReason exit = user.run();
  EXPECT(exit.cause == Cause::StorePageFault);
  EXPECT_EQ(exit.value, (*memory + ByteSize::mib(1)).value());
}

NACRE_KERNEL_TEST(mm, what_is_unmapped_is_gone_at_once) {
  User user(kTouch);
  const std::array<uint8_t, 1> byte{1};
  const auto memory = user.space().publish(byte, Access::ReadWrite);
  REQUIRE(memory.has_value());
  touch(user, *memory, *memory + ByteSize(kPageSize), kPageSize);
  EXPECT(user.run().cause == Cause::Breakpoint);
  user.space().release(*memory);
  touch(user, *memory, *memory + ByteSize(kPageSize), kPageSize);
  EXPECT(user.run().cause == Cause::StorePageFault);
}

// The hardware agrees with large pages, their splitting, and what becomes of their parts.
NACRE_KERNEL_TEST(mm, large_pages_are_split_under_user_mode) {
  User user(kTouch);
  constexpr ByteSize kSize = ByteSize::mib(4);
  const auto memory = user.space().reserve(kSize);
  REQUIRE(memory.has_value());
  REQUIRE(user.space().commit(*memory, kSize).has_value());
  REQUIRE(user.space().populate(*memory, kSize).has_value());
  EXPECT_EQ(user.space().translation(*memory)->leaf_size, ByteSize::mib(2));
  touch(user, *memory, *memory + kSize, kPageSize);
  EXPECT(user.run().cause == Cause::Breakpoint);
  EXPECT_EQ(user.faults, uint64_t{0});

  const UserAddr page = *memory + ByteSize::pages(100);
  auto flush = user.space().protect(page, ByteSize(kPageSize), Access::Read);
  REQUIRE(flush.has_value());
  std::move(*flush).discharge();
  touch(user, *memory, *memory + kSize, kPageSize);
  trap::ExitReason exit = user.run();
  EXPECT(exit.cause == Cause::StorePageFault);
  EXPECT_EQ(exit.value, page.value());

  auto unmapped = user.space().unmap(page + ByteSize::pages(100), ByteSize(kPageSize));
  REQUIRE(unmapped.has_value());
  std::move(*unmapped).discharge();
  touch(user, page + ByteSize(kPageSize), *memory + kSize, kPageSize);
  exit = user.run();
  EXPECT(exit.cause == Cause::StorePageFault);
  EXPECT_EQ(exit.value, (page + ByteSize::pages(100)).value());
  // The other large page is whole.
  touch(user, *memory + ByteSize::mib(2), *memory + kSize, kPageSize);
  EXPECT(user.run().cause == Cause::Breakpoint);
}

NACRE_KERNEL_TEST(mm, spaces_leave_nothing_behind) {
  const uint64_t before = frames_outside_heap();
  for (int i = 0; i < 20; ++i) {
    User user(kTouch);
    const auto memory = user.space().reserve(ByteSize::gib(8));
    REQUIRE(memory.has_value());
    REQUIRE(user.space().commit(*memory, ByteSize::mib(4)).has_value());
    touch(user, *memory, *memory + ByteSize::mib(4), kPageSize);
    EXPECT(user.run().cause == Cause::Breakpoint);
  }
  EXPECT_EQ(frames_outside_heap(), before);
}

// From the access that faults to the instruction behind it: a place that nobody was near before, four pages.
NACRE_KERNEL_BENCHMARK(page_fault) {
  constexpr uint64_t kFaults = 20;
  constexpr ByteSize kDistance = ByteSize::mib(2);
  User user(kTouch);
  const auto memory = user.space().reserve(ByteSize::gib(8));
  REQUIRE(memory.has_value());
  const ByteSize size(kFaults * kDistance.bytes());
  REQUIRE(user.space().commit(*memory, size).has_value());
  // The tables first, elsewhere in each 2 MiB.
  const UserAddr middle = *memory + ByteSize::mib(1);
  touch(user, middle, middle + size - kDistance, kDistance.bytes());
  (void)user.run();
  user.faults = 0;
  touch(user, *memory, *memory + size, kDistance.bytes());
  const uint64_t begin = arch::retired_instructions();
  const trap::ExitReason exit = user.run();
  const uint64_t end = arch::retired_instructions();
  REQUIRE(exit.cause == Cause::Breakpoint);
  REQUIRE(user.faults == kFaults);
  benchmark.set_result(end - begin - kFaults * kTouchRound, kFaults);
}

// An environment call that does nothing, there and back.
NACRE_KERNEL_BENCHMARK(empty_trap) {
  constexpr uint64_t kCalls = 1000;
  User user(kCall);
  const trap::FastSyscallHandler before = trap::set_fast_syscall_handler(
      [](trap::SyscallRegisters&) { return trap::FastSyscallResult::Done; });
  user[Register::S0] = 1;
  (void)user.run();
  user[Register::S0] = kCalls;
  const uint64_t begin = arch::retired_instructions();
  const trap::ExitReason exit = user.run();
  const uint64_t end = arch::retired_instructions();
  trap::set_fast_syscall_handler(before);
  REQUIRE(exit.cause == Cause::Breakpoint);
  benchmark.set_result(end - begin - kCalls * (kCallRound - 1), kCalls);
}

// Maps physical memory, lets all of it be walked to, and unmaps it.
void map_and_unmap(testing::Benchmark& benchmark, uint64_t pages, PhysAddr start) {
  const auto space = make_space();
  const auto object = make_ref<FixedObject>(start, ByteSize::pages(pages));
  benchmark.measure(50, [&] {
    const auto at = space->map(object, 0, ByteSize::pages(pages), Access::ReadWrite);
    REQUIRE(at.has_value());
    REQUIRE(space->fault(*at, FaultAccess::Write) == FaultOutcome::Resolved);
    space->release(*at);
  });
}

constexpr PhysAddr kAnyAligned(uint64_t{1} << 36);

NACRE_KERNEL_BENCHMARK(map_unmap_1_page) {
  map_and_unmap(benchmark, 1, kAnyAligned);
}
NACRE_KERNEL_BENCHMARK(map_unmap_512_pages) {
  // Not aligned to a large page, so that there are 512 entries.
  map_and_unmap(benchmark, 512, kAnyAligned + ByteSize(kPageSize));
}
NACRE_KERNEL_BENCHMARK(map_unmap_large_page) {
  map_and_unmap(benchmark, 512, kAnyAligned);
}

// Anonymous memory of 2 MiB, made and given back: by one large page, most of it for clearing.
NACRE_KERNEL_BENCHMARK(populate_2_mib) {
  const auto space = make_space();
  benchmark.measure(20, [&] {
    const auto at = space->reserve(ByteSize::mib(2));
    REQUIRE(at.has_value());
    REQUIRE(space->commit(*at, ByteSize::mib(2)).has_value());
    REQUIRE(space->populate(*at, ByteSize::mib(2)).has_value());
    space->release(*at);
  });
}

// A large page of memory that is there.
NACRE_KERNEL_BENCHMARK(map_unmap_large_anonymous_page) {
  const auto space = make_space();
  const auto object = make_ref<AnonymousObject>(frames());
  REQUIRE(object->grow(AnonymousObject::kLargePages).has_value());
  REQUIRE(object->populate(0, 0, AnonymousObject::kLargePages).has_value());
  benchmark.measure(50, [&] {
    const auto at = space->map(object, 0, ByteSize::mib(2), Access::ReadWrite);
    REQUIRE(at.has_value());
    REQUIRE(space->fault(*at, FaultAccess::Write) == FaultOutcome::Resolved);
    space->release(*at);
  });
}

// User mode's first use of 2 MiB, page after page: of a small memory, and of one that is large already.
void first_touch(testing::Benchmark& benchmark, ByteSize before) {
  constexpr ByteSize kSize = ByteSize::mib(2);
  User user(kTouch);
  const auto memory = user.space().reserve(ByteSize::gib(8));
  REQUIRE(memory.has_value());
  REQUIRE(user.space().commit(*memory, before + kSize).has_value());
  if (before != ByteSize()) REQUIRE(user.space().populate(*memory, before).has_value());
  touch(user, *memory + before, *memory + before + kSize, kPageSize);
  const uint64_t begin = arch::retired_instructions();
  const trap::ExitReason exit = user.run();
  const uint64_t end = arch::retired_instructions();
  REQUIRE(exit.cause == Cause::Breakpoint);
  benchmark.set_result(end - begin - kSize.pages_up() * kTouchRound, 1);
}
NACRE_KERNEL_BENCHMARK(first_touch_2_mib) {
  first_touch(benchmark, ByteSize());
}
NACRE_KERNEL_BENCHMARK(first_touch_2_mib_of_a_large_memory) {
  first_touch(benchmark, ByteSize::mib(8));
}

NACRE_KERNEL_BENCHMARK(new_delete) {
  benchmark.measure(1000, [] {
    void* object = ::operator new(64);
    // SAFETY: no instruction at all; keeps the optimiser from removing the pair.
    asm volatile("" : : "r"(object) : "memory");
    ::operator delete(object);
  });
}

NACRE_KERNEL_BENCHMARK(frame_allocate_free) {
  benchmark.measure(1000, [] { frames().free(*frames().allocate()); });
}

NACRE_KERNEL_BENCHMARK(address_space_create_destroy) {
  const Ref<Budget> budget = large_budget();
  benchmark.measure(50, [&] { (void)AddressSpace::create(machine(), budget); });
}

}  // namespace
}  // namespace nacre::mm
