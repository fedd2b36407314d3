#include "nacre/base/model/checker.hh"

#include <ucontext.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "nacre/base/core/panic.hh"
#include "nacre/base/model/atomic.hh"

namespace nacre::model {

namespace {

constexpr size_t kStackBytes = 128 << 10;

bool has_acquire(std::memory_order order) {
  return order != std::memory_order_relaxed && order != std::memory_order_release;
}
bool has_release(std::memory_order order) {
  return order != std::memory_order_relaxed && order != std::memory_order_acquire;
}

void join(Clock& into, const Clock& other) {
  for (size_t i = 0; i < kMaxThreads; ++i) into[i] = std::max(into[i], other[i]);
}

}  // namespace

// One exploration. At every atomic operation of a thread the search decides who does the next; the decisions so far are a path,
// and the next execution repeats all but the last that has alternatives left.
class Checker {
 public:
  explicit Checker(const Options& options) : options_(options) {}

  static Checker* current;

  Report explore(const std::function<void(Execution&)>& test) {
    Report report;
    current = this;
    do {
      begin();
      Execution run;
      test(run);
      ++report.executions;
      if (failure_ == nullptr && report.executions >= options_.executions) {
        failure_ = "too many executions";
      }
    } while (failure_ == nullptr && next_path());
    current = nullptr;
    if (failure_ != nullptr) report.failure = describe();
    return report;
  }

  void add_thread(std::function<void()> body) {
    ASSERT(threads_.size() < kMaxThreads);
    threads_.push_back(std::make_unique<Thread>());
    Thread& thread = *threads_.back();
    thread.body = std::move(body);
    if (stacks_.size() < threads_.size()) {
      stacks_.push_back(std::make_unique<char[]>(kStackBytes));
    }
    thread.clock = threads_[0]->clock;
    thread.clock[threads_.size() - 1] = 1;
  }

  void go() {
    for (size_t i = 1; i < threads_.size(); ++i) {
      Thread& thread = *threads_[i];
      getcontext(&thread.context);
      thread.context.uc_stack.ss_sp = stacks_[i].get();
      thread.context.uc_stack.ss_size = kStackBytes;
      thread.context.uc_link = nullptr;
      makecontext(&thread.context, &Checker::enter, 0);
    }
    in_threads_ = true;
    switch_to_next();
    in_threads_ = false;
    for (const auto& thread : threads_) join(threads_[0]->clock, thread->clock);
    ++threads_[0]->clock[0];
  }

  void fail(const char* what) {
    if (failure_ == nullptr) failure_ = what;
    // Whoever runs is abandoned where it is; the exploration ends.
    if (running_ != 0) swap_to(0);
  }

  [[nodiscard]] unsigned running() const { return running_; }

  // ---- What the atomics call ----

  uint64_t read(const Cell& cell, std::memory_order order) {
    step();
    Thread& thread = self();
    if (has_acquire(order)) join(thread.clock, cell.released_);
    for (auto it = thread.late.rbegin(); it != thread.late.rend(); ++it) {
      if (it->cell == &cell) return it->value;
    }
    return cell.value_;
  }

  void write(Cell& cell, uint64_t value, std::memory_order order) {
    step();
    Thread& thread = self();
    ++thread.clock[running_];
    Store store{&cell, value, has_release(order) ? thread.clock : Clock{}};
    if (!in_threads_ || order == std::memory_order_seq_cst) {
      flush(thread);
      commit(store);
      return;
    }
    // Behind a late one of the same place, or of any place if it is a release.
    const bool must_wait = std::ranges::any_of(
        thread.late, [&](const Store& late) { return has_release(order) || late.cell == &cell; });
    if (must_wait) {
      thread.late.push_back(store);
    } else if (late_stores_ < options_.late_stores && choose(2) == 1) {
      ++late_stores_;
      thread.late.push_back(store);
    } else {
      commit(store);
    }
  }

  template <class Change>
  uint64_t modify(Cell& cell, std::memory_order order, Change&& change) {
    step();
    Thread& thread = self();
    flush(thread);
    if (has_acquire(order)) join(thread.clock, cell.released_);
    ++thread.clock[running_];
    const uint64_t before = cell.value_;
    const uint64_t after = change(before);
    // A read-modify-write goes on with what earlier releases published.
    if (has_release(order)) join(cell.released_, thread.clock);
    if (after != before) set(cell, after);
    return before;
  }

  void fence() {
    if (!in_threads_) return;
    step();
    flush(self());
    ++self().clock[running_];
    join(fences_, self().clock);
    self().clock = fences_;
  }

  void spin() {
    // The test itself waits: for a thread that was abandoned when the execution failed, or for ever.
    if (!in_threads_) panic(failure_ != nullptr ? describe() : "the test waits for nobody");
    Thread& thread = self();
    flush(thread);
    // It looked after its last hint: what others changed since then it may not have seen.
    const uint64_t changes = changes_by_others(running_);
    thread.waits = changes == thread.seen_changes;
    thread.seen_changes = changes;
    // In turn, so that loops that wait for each other's end come to it.
    for (unsigned i = 1; i <= threads_.size(); ++i) {
      const unsigned next = (running_ + i - 1) % static_cast<unsigned>(threads_.size() - 1) + 1;
      if (can_run(next)) return swap_to(next);
    }
    switch_to_next();
  }

  [[nodiscard]] Clock& clock() { return self().clock; }

 private:
  struct Store {
    Cell* cell;
    uint64_t value;
    Clock released;
  };
  struct Thread {
    ucontext_t context{};
    std::function<void()> body;
    Clock clock{};
    std::vector<Store> late;
    uint64_t changes = 0;       // that it made
    uint64_t seen_changes = 0;  // that others had made at its last hint
    bool waits = false;         // until others make more
    bool done = false;
  };
  struct Choice {
    unsigned taken;
    unsigned count;
  };

  Thread& self() { return *threads_[running_]; }

  void begin() {
    threads_.clear();
    threads_.push_back(std::make_unique<Thread>());
    threads_[0]->clock[0] = 1;
    if (stacks_.empty()) stacks_.push_back(nullptr);
    position_ = 0;
    preemptions_ = late_stores_ = 0;
    steps_ = changes_ = 0;
    running_ = 0;
    in_threads_ = false;
    fences_ = {};
  }

  bool next_path() {
    path_.resize(position_);
    while (!path_.empty() && path_.back().taken + 1 == path_.back().count) path_.pop_back();
    if (path_.empty()) return false;
    ++path_.back().taken;
    return true;
  }

  unsigned choose(unsigned count) {
    if (count == 1) return 0;
    if (position_ == path_.size()) path_.push_back({0, count});
    ASSERT(path_[position_].count == count);
    return path_[position_++].taken;
  }

  [[nodiscard]] bool can_run(size_t index) const {
    const Thread& thread = *threads_[index];
    return !thread.done && !(thread.waits && thread.seen_changes ==
                                                 changes_by_others(static_cast<unsigned>(index)));
  }
  [[nodiscard]] uint64_t changes_by_others(unsigned index) const {
    return changes_ - threads_[index]->changes;
  }

  // Before each operation of a thread: another may come first.
  void step() {
    if (!in_threads_) return;
    if (++steps_ > options_.steps) fail("it does not end");
    if (preemptions_ == options_.preemptions) return;
    unsigned others[kMaxThreads];
    unsigned count = 0;
    for (unsigned i = 1; i < threads_.size(); ++i) {
      if (i != running_ && can_run(i)) others[count++] = i;
    }
    const unsigned chosen = choose(count + 1);
    if (chosen == 0) return;
    ++preemptions_;
    swap_to(others[chosen - 1]);
  }

  // The running thread cannot go on.
  void switch_to_next() {
    unsigned ready[kMaxThreads];
    unsigned count = 0;
    bool all_done = true;
    for (unsigned i = 1; i < threads_.size(); ++i) {
      all_done = all_done && threads_[i]->done;
      if (can_run(i)) ready[count++] = i;
    }
    if (count == 0) {
      if (!all_done) fail("all threads wait for each other");
      if (running_ != 0) swap_to(0);
      return;
    }
    swap_to(ready[choose(count)]);
  }

  void swap_to(unsigned index) {
    const unsigned from = running_;
    if (from == index) {
      threads_[index]->waits = false;
      return;
    }
    running_ = index;
    threads_[index]->waits = false;
    swapcontext(&threads_[from]->context, &threads_[index]->context);
  }

  static void enter() {
    Checker& checker = *current;
    Thread& thread = checker.self();
    thread.body();
    // Others may run before its late stores are seen.
    checker.step();
    checker.flush(thread);
    thread.done = true;
    checker.switch_to_next();
  }

  void set(Cell& cell, uint64_t value) {
    if (cell.value_ != value) {
      ++changes_;
      ++self().changes;
    }
    cell.value_ = value;
  }
  void commit(const Store& store) {
    set(*store.cell, store.value);
    store.cell->released_ = store.released;
  }
  void flush(Thread& thread) {
    for (const Store& store : thread.late) commit(store);
    thread.late.clear();
  }

  [[nodiscard]] std::string describe() const {
    std::string text = failure_;
    text += "; path";
    for (size_t i = 0; i < position_; ++i) text += " " + std::to_string(path_[i].taken);
    return text;
  }

  const Options options_;
  std::vector<std::unique_ptr<Thread>> threads_;  // 0 is the test itself
  std::vector<std::unique_ptr<char[]>> stacks_;
  std::vector<Choice> path_;
  size_t position_ = 0;
  unsigned preemptions_ = 0;
  unsigned late_stores_ = 0;
  uint64_t steps_ = 0;
  uint64_t changes_ = 0;  // of atomics, by all threads
  Clock fences_{};
  unsigned running_ = 0;
  bool in_threads_ = false;
  const char* failure_ = nullptr;
};

Checker* Checker::current = nullptr;

void Execution::thread(std::function<void()> body) {
  Checker::current->add_thread(std::move(body));
}
void Execution::go() {
  Checker::current->go();
}

Report explore(const Options& options, const std::function<void(Execution&)>& test) {
  ASSERT(Checker::current == nullptr);
  Checker checker(options);
  return checker.explore(test);
}

void expect(bool condition, const char* what) {
  if (!condition) Checker::current->fail(what);
}

void spin_hint() noexcept {
  if (Checker::current != nullptr) Checker::current->spin();
}
void fence_seq_cst() noexcept {
  if (Checker::current != nullptr) Checker::current->fence();
}

unsigned current_thread() noexcept {
  return Checker::current == nullptr ? 0 : Checker::current->running();
}

uint64_t Cell::read(std::memory_order order) const noexcept {
  return Checker::current == nullptr ? value_ : Checker::current->read(*this, order);
}
void Cell::write(uint64_t value, std::memory_order order) noexcept {
  if (Checker::current == nullptr) {
    value_ = value;
  } else {
    Checker::current->write(*this, value, order);
  }
}
uint64_t Cell::modify(Change change, uint64_t argument, std::memory_order order) noexcept {
  if (Checker::current == nullptr) return std::exchange(value_, change(value_, argument));
  return Checker::current->modify(*this, order,
                                  [&](uint64_t before) { return change(before, argument); });
}
bool Cell::replace(uint64_t& expected, uint64_t desired, std::memory_order order) noexcept {
  const uint64_t wanted = expected;
  const auto change = [&](uint64_t before) { return before == wanted ? desired : before; };
  expected = Checker::current == nullptr ? std::exchange(value_, change(value_))
                                         : Checker::current->modify(*this, order, change);
  return expected == wanted;
}

void Access::check_read() const noexcept {
  if (Checker::current == nullptr) return;
  Clock& now = Checker::current->clock();
  for (size_t i = 0; i < kMaxThreads; ++i)
    expect(writes_[i] <= now[i], "a read races with a write");
  reads_[current_thread()] = now[current_thread()];
}
void Access::check_write() noexcept {
  if (Checker::current == nullptr) return;
  Clock& now = Checker::current->clock();
  for (size_t i = 0; i < kMaxThreads; ++i) {
    expect(writes_[i] <= now[i], "a write races with a write");
    expect(reads_[i] <= now[i], "a write races with a read");
  }
  writes_[current_thread()] = now[current_thread()];
}

}  // namespace nacre::model
