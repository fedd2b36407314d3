#include "nacre/kernel/trace/log.hh"

#include <string>

#include "nacre/base/coro/scope.hh"
#include "nacre/kernel/exec/kernel_port.hh"
#include "nacre/kernel/testing/all_cpus.hh"
#include "nacre/kernel/testing/benchmark.hh"
#include "nacre/kernel/testing/test.hh"
#include "nacre/kernel/trace/line.hh"
#include "nacre/kernel/trace/panic.hh"
#include "nacre/kernel/trace/span.hh"

namespace nacre::trace {
namespace {

constinit Logger log_test("test::log");

// The filter as it was comes back at the end.
class FilterChange {
 public:
  explicit FilterChange(std::string_view text) : before_(current_filter()) {
    const auto filter = Filter::parse(text);
    REQUIRE(filter.has_value());
    set_filter(*filter);
  }
  ~FilterChange() { set_filter(before_); }
  FilterChange(const FilterChange&) = delete;
  FilterChange& operator=(const FilterChange&) = delete;

 private:
  Filter before_;
};

std::string spans() {
  FixedLine<200> line;
  describe_spans(line);
  return std::string(line.text());
}

std::string history() {
  std::string out;
  append_history(out);
  return out;
}

NACRE_KERNEL_TEST(log, filter_changes_while_the_system_runs) {
  {
    const FilterChange change("error,test=info");
    EXPECT(log_test.shows(Level::Info));
    EXPECT(!log_test.shows(Level::Debug));
  }
  const FilterChange change("trace,test::log=off");
  EXPECT(!log_test.shows(Level::Error));
  std::string text;
  StringSink sink(text);
  current_filter().describe(sink);
  EXPECT_EQ(text, "trace,test::log=off");
}

NACRE_KERNEL_TEST(log, history_keeps_lines_with_their_spans) {
  const FilterChange change("off,test=info");
  const Span outer("load", "hello.wasm");
  const Span inner("compile");
  log_test.info("{} functions", 12);
  log_test.debug("not this one");
  const std::string text = history();
  EXPECT(text.ends_with("load{hello.wasm}: compile: 12 functions\n"));
  EXPECT(text.find("not this one") == std::string::npos);
}

NACRE_KERNEL_TEST(log, filter_by_span) {
  const FilterChange change("off,[test_a]=info,test[test_b{two}]=debug");
  EXPECT(!log_test.shows(Level::Error));
  const Span outer("test_a");
  EXPECT(log_test.shows(Level::Info));
  EXPECT(!log_test.shows(Level::Debug));
  {
    const Span inner("test_b", "two");
    EXPECT(log_test.shows(Level::Debug));
    log_test.debug("shown inside");
  }
  const Span other("test_b", "three");
  EXPECT(!log_test.shows(Level::Debug));
  log_test.debug("not shown outside");
  const std::string text = history();
  EXPECT(text.ends_with("test_a: test_b{two}: shown inside\n"));
}

NACRE_KERNEL_TEST(log, spans_are_told) {
  const FilterChange change("off,span=trace");
  {
    const Span outer("outer");
    const Span inner("inner", "x");
  }
  const std::string text = history();
  const std::string line = "trace span: " + spans() + "outer: ";
  const size_t first = text.rfind(line + "begins\n");
  REQUIRE(first != std::string::npos);
  const size_t begin = text.find(line + "inner{x}: begins\n", first);
  const size_t end = text.find(line + "inner{x}: ends after ", first);
  const size_t last = text.find(line + "ends after ", first);
  EXPECT(begin < end && end < last && last != std::string::npos);
}

NACRE_KERNEL_TEST(log, spans_end_with_a_caught_panic) {
  const std::string outside = spans();
  const Span outer("outer");
  EXPECT_PANIC(
      {
        const Span lost("lost");
        panic("in a span");
      },
      "in a span");
  EXPECT_EQ(spans(), outside + "outer: ");
}

NACRE_KERNEL_TEST(log, long_lines_are_cut) {
  const FilterChange change("off,test=info");
  log_test.info("{}", std::string(2 * kMaxLine, 'x'));
  const std::string text = history();
  const size_t begin = text.rfind('\n', text.size() - 2) + 1;
  EXPECT_EQ(text.size() - begin, kMaxLine);
}

// ---- On all CPUs at once ----

constexpr unsigned kLinesEach = 15;

coro::Task<void> log_lines(uint32_t cpu) {
  for (unsigned i = 0; i < kLinesEach; ++i) {
    log_test.info("line {} of {}", i, cpu);
    if (i % 4 == 0) co_await coro::yield();
  }
}

size_t count(std::string_view text, std::string_view part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1))
    ++found;
  return found;
}

NACRE_KERNEL_TASK_TEST(log, lines_of_all_cpus_are_whole_and_none_is_lost) {
  const FilterChange change("off,test=info");
  co_await testing::wait_for_executors();
  coro::Scope scope;
  testing::spawn_everywhere(scope, &log_lines);
  co_await scope.join();
  // What another CPU left to this one is written now.
  write_raw("");
  const std::string text = history();
  for (uint32_t cpu = 0; cpu < exec::executors().size(); ++cpu) {
    for (unsigned i = 0; i < kLinesEach; ++i) {
      EXPECT_EQ(count(text, format(" {} info  test::log: line {} of {}\n", cpu, i, cpu)), 1u);
    }
    EXPECT_EQ(lost_lines(CpuId{cpu}), 0u);
  }
}

coro::Task<void> panic_or_log(uint32_t cpu) {
  co_await log_lines(cpu);
  if (cpu + 1 == exec::executors().size()) panic("beside others");
  co_await log_lines(cpu);
}

// The report of one CPU is one piece, whatever the others log.
NACRE_KERNEL_TASK_TEST(panic, report_is_whole_while_other_cpus_log) {
  const FilterChange change("off,test=info");
  co_await testing::wait_for_executors();
  coro::Scope scope;
  testing::spawn_everywhere(scope, &panic_or_log);
  bool thrown = false;
  try {
    co_await scope.join();
  } catch (const PanicException&) {
    thrown = true;
  }
  EXPECT(thrown);
  const std::string text = history();
  const size_t begin = text.rfind("\npanic on CPU ");
  REQUIRE(begin != std::string::npos);
  const size_t last_frame = text.find("#1", begin);
  REQUIRE(last_frame != std::string::npos);
  const std::string report = text.substr(begin, last_frame - begin);
  EXPECT(report.find(": beside others\n  at kernel/trace/log_ktest.cc:") != std::string::npos);
  EXPECT(report.find("\n  in task 0x") != std::string::npos);
  EXPECT(report.find("panic_or_log at kernel/trace/log_ktest.cc:") != std::string::npos);
  EXPECT_EQ(count(report, "test::log"), 0u);
}

coro::Task<void> work_in_span(std::string_view detail, unsigned& right) {
  const Span span("work", detail);
  for (unsigned i = 0; i < 10; ++i) {
    FixedLine<64> line;
    describe_spans(line);
    right += line.text() == format("work{{{}}}: ", detail) ? 1 : 0;
    co_await coro::yield();
  }
}

NACRE_KERNEL_TASK_TEST(log, spans_go_with_their_task) {
  unsigned right = 0;
  const std::string before = spans();
  const Span own("outside");
  coro::Scope scope;
  scope.spawn(work_in_span("one", right));
  scope.spawn(work_in_span("two", right));
  co_await scope.join();
  EXPECT_EQ(right, 20u);
  EXPECT_EQ(spans(), before + "outside: ");
}

NACRE_KERNEL_BENCHMARK(log_line_not_shown) {
  const FilterChange change("off");
  benchmark.measure(1000, [] { log_test.debug("{} {}", 1, 2); });
}

NACRE_KERNEL_BENCHMARK(span) {
  benchmark.measure(1000, [] { const Span span("benchmark"); });
}

}  // namespace
}  // namespace nacre::trace
