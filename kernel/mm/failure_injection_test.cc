// Every operation of kernel/mm with every single one of its allocations failing, those of the C++ heap included: it either
// succeeds or fails with an error, changes nothing then, and gives everything back.
#include <gmock/gmock.h>

#include <cstdlib>
#include <functional>
#include <new>
#include <string>

#include "fake_machine.hh"
#include "nacre/kernel/mm/failure_injection.hh"
#include "nacre/kernel/mm/heap.hh"
#include "ranges_model.hh"

// NOLINTBEGIN(misc-new-delete-overloads): what std:: allocates fails too.
void* operator new(std::size_t size) {
  if (nacre::mm::request_fails()) throw std::bad_alloc();
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return nacre::mm::request_fails() ? nullptr : std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
// NOLINTEND(misc-new-delete-overloads)

namespace nacre::mm {
namespace {

constexpr uint64_t kEndless = 10'000;

Result<void> outcome(FaultOutcome fault) {
  if (fault == FaultOutcome::Resolved) return {};
  EXPECT_EQ(fault, FaultOutcome::OutOfMemory);
  return fail(ErrorCode::OutOfMemory, "no frame");
}

template <class T>
Result<void> without_value(Result<T> result) {
  if (!result) return std::unexpected(std::move(result).error());
  return {};
}

// A space in a state in which there is something to do.
struct Scene {
  Scene() : machine(ByteSize::mib(16)), used_before(machine.memory.used()) {
    space = std::move(*AddressSpace::create(machine.machine, make_ref<Budget>(ByteSize::mib(8))));
    memory = *space->reserve(ByteSize::gib(8));
    EXPECT_TRUE(space->commit(memory, ByteSize::mib(1)));
    EXPECT_TRUE(space->write(memory, std::array<uint8_t, 2>{7, 8}));
    device = make_ref<FixedObject>(PhysAddr(0x1'0000'0000), ByteSize::mib(2));
  }
  ~Scene() {
    space.reset();
    EXPECT_EQ(machine.memory.used(), used_before);
  }
  // What a failed operation must leave as it is.
  [[nodiscard]] std::vector<uint64_t> state() const {
    std::array<uint8_t, 2> bytes{};
    EXPECT_TRUE(space->read(memory, bytes));
    return {space->region_count(), space->region_at(memory)->committed.bytes(),
            space->budget().used().bytes(), bytes[0], bytes[1]};
  }

  FakeMachine machine;
  uint64_t used_before;
  std::unique_ptr<AddressSpace> space;
  UserAddr memory;
  Ref<MemoryObject> device;
};

// What is done to a scene; the error if it failed.
using Operation = std::function<Result<void>(Scene&)>;

// Fails the operation's first allocation, then only its second, and so on until it does not come so far.
void expect_sound(const Operation& operation) {
  uint64_t index = 0;
  for (bool reached = true; reached; ++index) {
    ASSERT_LT(index, kEndless);
    Scene scene;
    const auto before = scene.state();
    inject_failure_at(index);
    const Result<void> done = operation(scene);
    reached = stop_injecting_failures() > index;
    if (!done) {
      EXPECT_TRUE(reached) << done.error().to_string();
      EXPECT_EQ(done.error().code(), ErrorCode::OutOfMemory) << index;
      EXPECT_EQ(scene.state(), before) << index;
      // The same works now that there is memory.
      EXPECT_TRUE(operation(scene).has_value()) << index;
    }
  }
  EXPECT_GT(index, 1u) << "nothing was allocated";
}

TEST(FailureInjection, CountsAndFailsWhatItWasAskedTo) {
  FakeMemory memory(ByteSize::mib(4));
  inject_failure_at(1, 2);
  EXPECT_TRUE(memory.frames.allocate().has_value());
  EXPECT_FALSE(memory.frames.allocate(2).has_value());
  EXPECT_FALSE(memory.frames.allocate_run(3).has_value());
  EXPECT_TRUE(memory.frames.allocate().has_value());
  EXPECT_EQ(stop_injecting_failures(), 4u);
  EXPECT_FALSE(is_injecting_failures());
}

// Nothing is cached, so that each object is a request, however often its memory was used before.
TEST(FailureInjection, EveryObjectOfTheHeapCounts) {
  FakeMemory memory(ByteSize::mib(4));
  Heap heap;
  HeapCache cache;
  inject_failure_at(~uint64_t{0});
  heap.init(memory.frames);
  heap.attach(cache);
  constexpr uint64_t kObjects = 100;
  for (uint64_t i = 0; i < kObjects; ++i) {
    void* object = heap.allocate(cache, 48);
    EXPECT_EQ(Heap::allocate_cached(cache, 48), nullptr);
    heap.free(cache, object);
  }
  // One more for the slab.
  EXPECT_EQ(stop_injecting_failures(), kObjects + 1);
  EXPECT_EQ(heap.statistics().objects, 0u);
}

TEST(AllocationFailure, CreatingASpace) {
  FakeMachine machine(ByteSize::mib(8));
  const auto budget = make_ref<Budget>(ByteSize::mib(1));
  const uint64_t used = machine.memory.used();
  for (uint64_t index = 0;; ++index) {
    ASSERT_LT(index, kEndless);
    inject_failure_at(index);
    auto space = AddressSpace::create(machine.machine, budget);
    const bool reached = stop_injecting_failures() > index;
    EXPECT_EQ(space.has_value(), !reached) << index;
    if (!space) EXPECT_EQ(space.error().code(), ErrorCode::OutOfMemory);
    space = fail(ErrorCode::NotFound, "gone");
    EXPECT_EQ(machine.memory.used(), used);
    EXPECT_EQ(budget->used(), ByteSize(0));
    if (!reached) break;
  }
}

TEST(AllocationFailure, Reserving) {
  expect_sound([](Scene& s) { return without_value(s.space->reserve(ByteSize::gib(4))); });
}

TEST(AllocationFailure, Committing) {
  expect_sound(
      [](Scene& s) { return s.space->commit(s.memory + ByteSize::mib(64), ByteSize::mib(2)); });
}

TEST(AllocationFailure, Publishing) {
  const std::vector<uint8_t> bytes(200'000, 0x13);
  expect_sound(
      [&](Scene& s) { return without_value(s.space->publish(bytes, Access::ReadExecute)); });
}

TEST(AllocationFailure, Mapping) {
  expect_sound([](Scene& s) {
    return without_value(s.space->map(s.device, 0, ByteSize::mib(2), Access::ReadWrite));
  });
}

TEST(AllocationFailure, Cloning) {
  auto original = make_ref<FixedObject>(PhysAddr(FakeMemory::kBase), ByteSize::mib(2));
  expect_sound([&](Scene& s) -> Result<void> {
    TRY_ASSIGN(const UserAddr clone, s.space->map_clone(original, Access::ReadWrite));
    const auto read = outcome(s.space->fault(clone, FaultAccess::Read));
    const auto written = outcome(s.space->fault(clone, FaultAccess::Write));
    const auto more = s.space->write(clone + ByteSize(kPageSize), std::array<uint8_t, 1>{1});
    s.space->release(clone);
    TRY(read);
    TRY(written);
    return more;
  });
}

TEST(AllocationFailure, Faults) {
  expect_sound([](Scene& s) {
    return outcome(s.space->fault(s.memory + ByteSize::kib(512), FaultAccess::Write));
  });
}

TEST(AllocationFailure, Writing) {
  const std::vector<uint8_t> bytes(300'000, 1);
  expect_sound([&](Scene& s) { return s.space->write(s.memory + ByteSize::kib(100), bytes); });
}

uint64_t failures = 0;

// Every call fails at its first allocation, then at its second, and so on; later ones are tried more sparsely.
Result<void> fail_first(const std::function<Result<void>()>& call,
                        const std::function<void()>& check) {
  for (uint64_t index = 0;; index += 1 + index / 4) {
    inject_failure_at(index);
    auto result = call();
    if (stop_injecting_failures() <= index || result) return result;
    EXPECT_EQ(result.error().code(), ErrorCode::OutOfMemory) << result.error().to_string();
    check();
    ++failures;
  }
}

TEST(AllocationFailure, OperationsOnRangesChangeNothing) {
  failures = 0;
  for (uint32_t seed = 0; seed < 4; ++seed) {
    FakeMachine fake(ByteSize::mib(64), paging::Mode::Sv48, seed);
    const uint64_t used = fake.memory.used();
    const auto budget = make_ref<Budget>(ByteSize::mib(24));
    auto space = *AddressSpace::create(fake.machine, budget);
    {
      RangesDriver driver(fake, *space, seed, fail_first);
      for (int i = 0; i < 300; ++i) {
        ASSERT_NO_FATAL_FAILURE(driver.step()) << "seed " << seed << " step " << i;
        ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed << " step " << i;
      }
    }
    space = nullptr;
    ASSERT_EQ(fake.memory.used(), used);
    ASSERT_EQ(budget->used(), ByteSize());
  }
  EXPECT_GT(failures, 1000u);
}

}  // namespace
}  // namespace nacre::mm
