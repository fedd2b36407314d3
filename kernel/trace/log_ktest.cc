#include "nacre/kernel/trace/log.hh"

#include <string>

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
  EXPECT(text.ends_with("info  test::log: load{hello.wasm}: compile: 12 functions\n"));
  EXPECT(text.find("not this one") == std::string::npos);
}

NACRE_KERNEL_TEST(log, spans_end_with_a_caught_panic) {
  const Span outer("outer");
  EXPECT_PANIC(
      {
        const Span lost("lost");
        panic("in a span");
      },
      "in a span");
  FixedLine<64> line;
  describe_spans(line);
  EXPECT_EQ(line.text(), "outer: ");
}

NACRE_KERNEL_TEST(log, long_lines_are_cut) {
  const FilterChange change("off,test=info");
  log_test.info("{}", std::string(2 * kMaxLine, 'x'));
  const std::string text = history();
  const size_t begin = text.rfind('\n', text.size() - 2) + 1;
  EXPECT_EQ(text.size() - begin, kMaxLine);
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
