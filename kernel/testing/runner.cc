#include "runner.hh"

#include <algorithm>
#include <atomic>
#include <exception>
#include <new>
#include <utility>
#include <vector>

#include "fault_boot.hh"
#include "nacre/base/coro/event.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/init/boot_main.hh"
#include "nacre/kernel/testing/benchmark.hh"
#include "nacre/kernel/testing/filter.hh"
#include "nacre/kernel/testing/test.hh"
#include "nacre/kernel/trace/backtrace.hh"
#include "nacre/kernel/trace/log.hh"
#include "nacre/kernel/trace/panic.hh"
#include "nacre/kernel/trace/span.hh"

namespace nacre::testing {
namespace {

constinit const Test* first_test = nullptr;
constinit const RegisteredBenchmark* first_benchmark = nullptr;
constinit const init::BootContext* current_context = nullptr;

template <class... Args>
void print(std::string_view text, const Args&... args) {
  trace::write_raw(format(text, args...) + "\n");
}

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr uint64_t kDefaultLimitNs = 120 * kNanosecondsPerSecond;

enum class Verdict : uint8_t { Passed, Failed, Skipped };

// Of the test that runs. Checks may come from any CPU.
class Outcome {
 public:
  void reset() {
    failed_.store(false, std::memory_order_relaxed);
    skipped_ = false;
    why_.clear();
  }
  void fail(std::string why) {
    // Only the first one stores the text; the runner reads it when the test has ended on all CPUs.
    if (!failed_.exchange(true, std::memory_order_acq_rel)) why_ = std::move(why);
  }
  void skip(std::string_view why) {
    skipped_ = true;
    why_ = why;
  }
  [[nodiscard]] Verdict verdict() const {
    if (failed_.load(std::memory_order_acquire)) return Verdict::Failed;
    return skipped_ ? Verdict::Skipped : Verdict::Passed;
  }
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  std::atomic<bool> failed_{false};
  bool skipped_ = false;
  std::string why_;
};

constinit Outcome outcome;

// The boundary at which a test's exceptions end.
coro::Task<void> run_caught(std::string_view name, coro::Task<void> test) {
  const trace::Span span("test", name);
  try {
    co_await std::move(test);
  } catch (const TestEnded&) {
    // REQUIRE and SKIP have noted why.
  } catch (const trace::PanicException& panic) {
    outcome.fail(format("panic: {}", panic.report.message()));
  } catch (const std::bad_alloc&) {
    outcome.fail("out of memory");
  } catch (const std::exception& exception) {
    outcome.fail(exception.what());
  }
}

// The test on a strand of its own, so that it can be told from the runner and ended.
coro::Task<void> run_apart(const Test* test, coro::Strand** strand, coro::Event* done) {
  *strand = &coro::current_strand();
  co_await run_caught(test->name(), test->run()());
  done->set();
}

// Says where the test waits. Its strand belongs to this CPU and does not run.
void report_hang(const coro::Strand& strand) {
  std::string text = "  it waits at\n";
  StringSink sink(text);
  trace::describe_coroutines(sink, strand);
  trace::write_kept(text);
}

// A test that does not end in time is cancelled where it waits. (One that never waits keeps its CPU: tests/kernel notices.)
coro::Task<void> run_limited(const Test& test, uint64_t limit_ns) {
  coro::Strand* strand = nullptr;
  coro::Event done;
  coro::Scope scope;
  scope.spawn(run_apart(&test, &strand, &done), coro::Placement::Pinned);
  if (co_await done.wait_until(arch::now_ns() + limit_ns)) {
    co_await scope.join();
    co_return;
  }
  print("{} hangs", test.full_name());
  if (strand != nullptr) report_hang(*strand);
  outcome.fail(format("hangs: not over after {} s", limit_ns / kNanosecondsPerSecond));
  co_await scope.cancel();
}

template <class Registered, class Name>
std::vector<const Registered*> collect(std::string_view filter, Name&& name) {
  std::vector<const Registered*> found;
  for (const Registered* item = Registered::first(); item != nullptr; item = item->next()) {
    if (filter_accepts(filter, name(*item))) found.push_back(item);
  }
  std::ranges::sort(found, {}, [&](const Registered* item) { return std::string(name(*item)); });
  return found;
}

std::string name_of(const Test& test) {
  return test.full_name();
}
std::string name_of(const RegisteredBenchmark& benchmark) {
  return std::string(benchmark.name());
}

struct Tally {
  unsigned passed = 0;
  unsigned failed = 0;
  unsigned skipped = 0;
};

// Those of hang_ktest.cc run only when the filter names them.
bool hangs_on_purpose(const Test& test, std::string_view filter) {
  return test.suite() == "hang" && filter.find("hang") == std::string_view::npos;
}

// What the boot arguments ask for.
struct Plan {
  std::string_view filter;
  std::string_view after;  // only those behind it, by name
  uint64_t limit_ns = kDefaultLimitNs;
};

coro::Task<void> run_tests(const Plan& plan, Tally& tally) {
  const auto tests = collect<Test>(plan.filter, [](const Test& t) { return name_of(t); });
  for (const Test* test : tests) {
    if (test->full_name() <= plan.after || hangs_on_purpose(*test, plan.filter)) continue;
    outcome.reset();
    co_await run_limited(*test, plan.limit_ns);
    switch (outcome.verdict()) {
      case Verdict::Passed:
        ++tally.passed;
        print("ok {}", test->full_name());
        break;
      case Verdict::Failed:
        ++tally.failed;
        print("FAILED {}: {}", test->full_name(), outcome.why());
        break;
      case Verdict::Skipped:
        ++tally.skipped;
        print("skipped {}: {}", test->full_name(), outcome.why());
        break;
    }
  }
  print("kernel-tests: {} passed, {} failed, {} skipped", tally.passed, tally.failed,
        tally.skipped);
}

coro::Task<void> run_benchmarks(std::string_view filter, Tally& tally) {
  const auto benchmarks =
      collect<RegisteredBenchmark>(filter, [](const RegisteredBenchmark& b) { return name_of(b); });
  for (const RegisteredBenchmark* registered : benchmarks) {
    Benchmark benchmark;
    outcome.reset();
    co_await run_caught(registered->name(), registered->run()(benchmark));
    if (outcome.verdict() == Verdict::Passed && benchmark.has_result()) {
      ++tally.passed;
      print("{}: {} instructions", registered->name(), benchmark.result());
    } else if (outcome.verdict() == Verdict::Skipped) {
      ++tally.skipped;
      print("{}: skipped, {}", registered->name(), outcome.why());
    } else {
      ++tally.failed;
      print("{}: FAILED, {}", registered->name(),
            outcome.verdict() == Verdict::Failed ? outcome.why() : "it measured nothing");
    }
  }
}

void list() {
  for (const Test* test : collect<Test>("", [](const Test& t) { return name_of(t); })) {
    if (!hangs_on_purpose(*test, "")) print("{}", test->full_name());
  }
}

const init::BootMain kMain(run);

}  // namespace

Test::Test(const char* suite, const char* name, Run run)
    : suite_(suite), name_(name), run_(run), next_(std::exchange(first_test, this)) {}

std::string Test::full_name() const {
  return format("{}.{}", suite_, name_);
}

const Test* Test::first() {
  return first_test;
}

RegisteredBenchmark::RegisteredBenchmark(const char* name, Run run)
    : name_(name), run_(run), next_(std::exchange(first_benchmark, this)) {}

const RegisteredBenchmark* RegisteredBenchmark::first() {
  return first_benchmark;
}

void note_failure(const char* file, int line, std::string_view what) {
  std::string text = format("{}:{}: {}", file, line, what);
  print("  {}", text);
  outcome.fail(std::move(text));
}

void skip(std::string_view why) {
  outcome.skip(why);
  throw TestEnded();
}

const init::BootContext& boot_context() {
  ASSERT(current_context != nullptr);
  return *current_context;
}

bool detail::panics(void (*action)(void*), void* argument, std::string& message) {
  const auto result = trace::catch_panic("an expected panic", [&] { action(argument); });
  if (result) return false;
  message = result.error().message();
  return true;
}

int run(const init::BootContext& context) {
  current_context = &context;
  const fdt::BootArguments& arguments = context.arguments;
  if (arguments.has("list-tests")) {
    list();
    return arch::kExitSuccess;
  }
  if (const auto wanted = arguments.value("fault")) return run_fault(*wanted, context.info);
  Tally tally;
  if (const auto filter = arguments.value("bench")) {
    exec::this_executor().block_on(run_benchmarks(*filter, tally));
  } else {
    Plan plan{.filter = arguments.value("test").value_or(""),
              .after = arguments.value("test-after").value_or("")};
    if (const auto seconds = arguments.number("test-timeout"))
      plan.limit_ns = *seconds * kNanosecondsPerSecond;
    exec::this_executor().block_on(run_tests(plan, tally));
  }
  return tally.failed == 0 && tally.passed != 0 ? arch::kExitSuccess : arch::kExitKernelFailure;
}

}  // namespace nacre::testing
