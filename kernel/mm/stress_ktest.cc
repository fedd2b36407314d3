// Address spaces used and changed by all CPUs at once. Whether a CPU still believes in a translation that is gone shows where it
// reads, as a user, what it should not.
#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/testing/all_cpus.hh"
#include "nacre/kernel/testing/test.hh"
#include "nacre/kernel/testing/user_code.hh"
#include "nacre/kernel/trap/user_mode.hh"

namespace nacre::mm {
namespace {

using coro::Task;
using trap::Cause;
using trap::Register;

constexpr int kStepsOfABatch = 16;

// A space with two programs: a1 from where a0 points, and to there.
struct Programs : testing::UserCode {
  static constexpr std::array<uint32_t, 4> kInstructions = {
      0x00053583,  // ld   a1, 0(a0)
      0x00100073,  // ebreak
      0x00b53023,  // sd   a1, 0(a0)
      0x00100073,  // ebreak
  };
  Programs() : UserCode(kInstructions, ByteSize::mib(48)) {}
  [[nodiscard]] uint64_t load() const { return start().value(); }
  [[nodiscard]] uint64_t store() const { return start().value() + 8; }
};

// Being a user of a space, on this CPU, until the next suspension.
class Stay {
 public:
  explicit Stay(Programs& programs) : programs_(programs) { activate(programs.space()); }
  ~Stay() {
    trap::forget_registers(context_);
    deactivate();
  }
  Stay(const Stay&) = delete;
  Stay& operator=(const Stay&) = delete;

  // Nothing if the access is not allowed.
  std::optional<uint64_t> load(UserAddr at) {
    if (!run(programs_.load(), at)) return std::nullopt;
    return context_[Register::A1];
  }
  bool store(UserAddr at, uint64_t value) {
    context_[Register::A1] = value;
    return run(programs_.store(), at);
  }

 private:
  bool run(uint64_t pc, UserAddr at) {
    context_.pc = pc;
    context_[Register::A0] = at.value();
    while (true) {
      const trap::ExitReason exit = trap::enter_user(context_);
      if (exit.cause == Cause::Breakpoint) return true;
      if (exit.is_interrupt()) {
        exec::this_port().serve_interrupts();
        continue;
      }
      if (!programs_.serve(exit)) return false;
    }
  }

  Programs& programs_;
  trap::UserContext context_{};
};

class Chance {
 public:
  explicit Chance(uint64_t seed) : state_(seed * 2 + 1) {}
  uint64_t below(uint64_t bound) { return next() % bound; }
  // Xorshift 64.
  uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }

 private:
  uint64_t state_;
};

uint64_t first_word(uint64_t page) {
  return page * 0x0101 + 7;
}
// What clones are made of.
Ref<MemoryObject> make_template(uint64_t pages) {
  std::vector<uint8_t> bytes(pages * kPageSize);
  for (uint64_t page = 0; page < pages; ++page) {
    const uint64_t word = first_word(page);
    for (unsigned i = 0; i < 8; ++i) {
      bytes[page * kPageSize + i] = static_cast<uint8_t>(word >> 8 * i);
    }
  }
  auto object = make_ref<AnonymousObject>(frames());
  REQUIRE(object->fill(bytes).has_value());
  return object;
}

// One CPU's memory in a space, and what must be in it.
class Worker {
 public:
  Worker(Programs& programs, Ref<MemoryObject> original, uint64_t seed)
      : programs_(programs), original_(std::move(original)), chance_(seed) {}

  Task<void> run(uint64_t steps) {
    while (steps != 0) {
      {
        Stay stay(programs_);
        for (int i = 0; i < kStepsOfABatch && steps != 0; ++i, --steps) step(stay);
      }
      co_await coro::yield();
    }
    while (!areas_.empty()) release();
  }

 private:
  struct Page {
    uint64_t word;
    uint64_t initial;
    bool is_writable;
  };
  struct Area {
    UserAddr start;
    std::vector<Page> pages;
    [[nodiscard]] UserAddr at(uint64_t page) const { return start + ByteSize::pages(page); }
  };
  struct Range {
    Area& area;
    uint64_t begin;
    uint64_t end;
    [[nodiscard]] UserAddr start() const { return area.at(begin); }
    [[nodiscard]] ByteSize size() const { return ByteSize::pages(end - begin); }
  };

  void step(Stay& stay) {
    if (areas_.size() < 2) return reserve();
    switch (chance_.below(12)) {
      case 0:
        return areas_.size() < 5 ? reserve() : release();
      case 1:
        return areas_.size() < 5 ? clone() : release();
      case 2:
      case 3:
        return protect(chance_.below(3) != 0);
      case 4:
        return discard();
      case 5:
        (void)programs_.space().populate(any().start(), ByteSize(kPageSize));
        return;
      case 6:
      case 7:
      case 8:
        return store(stay);
      default:
        return load(stay);
    }
  }
  void reserve() {
    // Now and then with room for a large page.
    const uint64_t pages = chance_.below(8) == 0 ? 600 : 1 + chance_.below(80);
    const auto start = programs_.space().reserve(ByteSize::pages(pages));
    REQUIRE(start.has_value());
    const bool committed = programs_.space().commit(*start, ByteSize::pages(pages)).has_value();
    REQUIRE(committed);
    if (pages == 600) (void)programs_.space().populate(*start, ByteSize::pages(pages));
    areas_.push_back({*start, std::vector<Page>(pages, {0, 0, true})});
  }
  void clone() {
    const auto start = programs_.space().map_clone(original_, Access::ReadWrite);
    REQUIRE(start.has_value());
    Area area{*start, {}};
    for (uint64_t page = 0; page < original_->pages(); ++page) {
      area.pages.push_back({first_word(page), first_word(page), true});
    }
    areas_.push_back(std::move(area));
  }
  Range any() {
    Area& area = areas_[chance_.below(areas_.size())];
    const uint64_t begin = chance_.below(area.pages.size());
    return {area, begin, begin + 1 + chance_.below(area.pages.size() - begin)};
  }
  // The last one, with a hole first.
  void release() {
    Area& area = areas_.back();
    const uint64_t middle = area.pages.size() / 2;
    unmap(area.at(middle), ByteSize(kPageSize));
    unmap(area.start, ByteSize::pages(area.pages.size()));
    areas_.pop_back();
  }
  void unmap(UserAddr start, ByteSize size) {
    auto flush = programs_.space().unmap(start, size);
    REQUIRE(flush.has_value());
    std::move(*flush).discharge();
  }
  void protect(bool is_writable) {
    const Range range = any();
    auto flush = programs_.space().protect(range.start(), range.size(),
                                           is_writable ? Access::ReadWrite : Access::Read);
    REQUIRE(flush.has_value());
    std::move(*flush).discharge();
    for (uint64_t page = range.begin; page < range.end; ++page) {
      range.area.pages[page].is_writable = is_writable;
    }
  }
  void discard() {
    const Range range = any();
    auto flush = programs_.space().discard(range.start(), range.size());
    REQUIRE(flush.has_value());
    std::move(*flush).discharge();
    for (uint64_t page = range.begin; page < range.end; ++page) {
      range.area.pages[page].word = range.area.pages[page].initial;
    }
  }
  void store(Stay& stay) {
    const Range range = any();
    Page& page = range.area.pages[range.begin];
    const uint64_t value = chance_.next();
    EXPECT_EQ(stay.store(range.start(), value), page.is_writable);
    if (page.is_writable) page.word = value;
  }
  void load(Stay& stay) {
    const Range range = any();
    const auto seen = stay.load(range.start());
    REQUIRE(seen.has_value());
    EXPECT_EQ(*seen, range.area.pages[range.begin].word);
  }

  Programs& programs_;
  Ref<MemoryObject> original_;
  Chance chance_;
  std::vector<Area> areas_;
};

// One task on each CPU; until all have ended.
Task<void> on_all_cpus(std::vector<Task<void>> tasks) {
  coro::Scope scope;
  const auto run = [](uint32_t cpu, std::vector<Task<void>>* all) -> Task<void> {
    co_await std::move((*all)[cpu]);
  };
  testing::spawn_everywhere(scope, run, &tasks);
  co_await scope.join();
}

Task<void> in_turn(Task<void> first, Task<void> second) {
  coro::Scope both;
  both.spawn(std::move(first), coro::Placement::Pinned);
  both.spawn(std::move(second), coro::Placement::Pinned);
  co_await both.join();
}

// Each CPU in a space of its own and, in turn, in one that they share.
Task<void> use_and_change(uint64_t steps) {
  co_await testing::leave_all_spaces();
  const uint64_t before = frames_outside_heap();
  {
    const auto original = make_template(40);
    Programs shared;
    std::vector<std::unique_ptr<Programs>> own;
    std::vector<std::unique_ptr<Worker>> workers;
    for (uint32_t cpu = 0; cpu < exec::executors().size(); ++cpu) {
      own.push_back(std::make_unique<Programs>());
      workers.push_back(std::make_unique<Worker>(shared, original, 2 * cpu + 1));
      workers.push_back(std::make_unique<Worker>(*own.back(), original, 2 * cpu + 2));
    }
    std::vector<Task<void>> tasks;
    for (size_t i = 0; i < workers.size(); i += 2) {
      tasks.push_back(in_turn(workers[i]->run(steps), workers[i + 1]->run(steps)));
    }
    co_await on_all_cpus(std::move(tasks));
  }
  EXPECT_EQ(frames_outside_heap(), before);
}

NACRE_KERNEL_TASK_TEST(stress, all_cpus_use_and_change_spaces) {
  co_await use_and_change(48);
}
NACRE_KERNEL_TASK_TEST(stress_long, all_cpus_use_and_change_spaces) {
  co_await use_and_change(4000);
}

// One page that one CPU maps anew again and again, to a higher number each time, while all read it.
struct Rounds {
  Programs programs;
  UserAddr page{uint64_t{1} << 30};
  std::atomic<uint64_t> mapped{0};  // every read that begins now gives this or more
  std::atomic<uint64_t> begun{0};   // no read that has ended gave more than this
  std::atomic<bool> is_over{false};
  std::atomic<uint64_t> reads{0};
  // What each CPU read last. The next round begins when all have seen this one, so that all have something to forget.
  std::array<std::atomic<uint64_t>, FrameAllocator::kMaxCpus> seen{};

  [[nodiscard]] bool is_seen_by_all(uint64_t round) const {
    for (uint32_t cpu = 0; cpu < exec::executors().size(); ++cpu) {
      if (seen[cpu].load() < round) return false;
    }
    return true;
  }
};

Task<void> map_anew(Rounds& rounds, uint64_t count) {
  AddressSpace& space = rounds.programs.space();
  for (uint64_t round = 1; round <= count; ++round) {
    std::array<uint8_t, 8> bytes{};
    for (unsigned i = 0; i < 8; ++i) bytes[i] = static_cast<uint8_t>(round >> 8 * i);
    const auto object = make_ref<AnonymousObject>(frames());
    REQUIRE(object->fill(bytes).has_value());
    rounds.begun.store(round);
    if (round > 1) {
      auto flush = space.unmap(rounds.page, ByteSize(kPageSize));
      REQUIRE(flush.has_value());
      std::move(*flush).discharge();
    }
    REQUIRE(space.map_at(rounds.page, object, 0, ByteSize(kPageSize), Access::Read).has_value());
    rounds.mapped.store(round);
    while (!rounds.is_seen_by_all(round)) co_await coro::yield();
  }
  rounds.is_over.store(true);
}

Task<void> read_on(Rounds& rounds, uint32_t cpu) {
  // The CPU of the one who maps gives way to it soon; the others stay long enough to see it happen.
  const int most_reads = cpu == 0 ? 1 : 2000;
  while (!rounds.is_over.load()) {
    {
      Stay stay(rounds.programs);
      for (int i = 0; i < most_reads && !rounds.is_over.load(); ++i) {
        const uint64_t least = rounds.mapped.load();
        const auto seen = stay.load(rounds.page);
        const uint64_t most = rounds.begun.load();
        if (!seen) continue;  // between two rounds
        ++rounds.reads;
        EXPECT_GE(*seen, least);
        EXPECT_LE(*seen, most);
        rounds.seen[cpu].store(*seen);
      }
    }
    co_await coro::yield();
  }
}

Task<void> map_anew_while_all_read(uint64_t count) {
  co_await testing::leave_all_spaces();
  const uint64_t before = frames_outside_heap();
  {
    Rounds rounds;
    std::vector<Task<void>> tasks;
    tasks.push_back(in_turn(map_anew(rounds, count), read_on(rounds, 0)));
    for (uint32_t cpu = 1; cpu < exec::executors().size(); ++cpu) {
      tasks.push_back(read_on(rounds, cpu));
    }
    co_await on_all_cpus(std::move(tasks));
    EXPECT_GE(rounds.reads.load(), count * exec::executors().size());
  }
  EXPECT_EQ(frames_outside_heap(), before);
}

NACRE_KERNEL_TASK_TEST(stress, what_is_unmapped_is_gone_on_all_cpus) {
  co_await map_anew_while_all_read(32);
}
NACRE_KERNEL_TASK_TEST(stress_long, what_is_unmapped_is_gone_on_all_cpus) {
  co_await map_anew_while_all_read(1000);
}

Task<void> visit(const std::vector<std::unique_ptr<Programs>>& spaces, UserAddr page,
                 uint64_t seed) {
  Chance chance(seed);
  for (int i = 0; i < 200; ++i) {
    const uint64_t which = chance.below(spaces.size());
    {
      Stay stay(*spaces[which]);
      EXPECT(stay.load(page) == which + 1);
    }
    if (i % 8 == 0) co_await coro::yield();
  }
}

// More of them than a machine with few identifiers can tell apart; all have something else at the same address.
NACRE_KERNEL_TASK_TEST(stress, spaces_keep_apart_however_many_there_are) {
  co_await testing::leave_all_spaces();
  constexpr uint64_t kSpaces = 12;
  const UserAddr page(uint64_t{1} << 30);
  const uint64_t before = frames_outside_heap();
  {
    std::vector<std::unique_ptr<Programs>> spaces;
    for (uint64_t i = 0; i < kSpaces; ++i) {
      spaces.push_back(std::make_unique<Programs>());
      const auto object = make_ref<AnonymousObject>(frames());
      REQUIRE(object->fill(std::array<uint8_t, 1>{static_cast<uint8_t>(i + 1)}).has_value());
      REQUIRE(spaces.back()
                  ->space()
                  .map_at(page, object, 0, ByteSize(kPageSize), Access::Read)
                  .has_value());
    }
    std::vector<Task<void>> tasks;
    while (tasks.size() < exec::executors().size()) {
      tasks.push_back(visit(spaces, page, tasks.size() + 1));
    }
    co_await on_all_cpus(std::move(tasks));
  }
  EXPECT_EQ(frames_outside_heap(), before);
}

}  // namespace
}  // namespace nacre::mm
