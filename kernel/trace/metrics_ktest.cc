#include "nacre/kernel/trace/metrics.hh"

#include <string>

#include "nacre/base/core/format.hh"
#include "nacre/kernel/testing/benchmark.hh"
#include "nacre/kernel/testing/test.hh"

namespace nacre::trace {
namespace {

const Counter g_counter("test_events", "Events of the test");
const Histogram g_histogram("test_sizes_bytes", "Sizes of the test");
const Reading g_reading("test_answer", "A reading", Metric::Kind::Gauge,
                        [] { return uint64_t{42}; });

std::string text(std::string_view prefix) {
  std::string out;
  StringSink sink(out);
  write_metrics(sink, prefix);
  return out;
}

NACRE_KERNEL_TEST(metrics, counters_count) {
  const uint64_t before = g_counter.value();
  g_counter.add();
  g_counter.add(4);
  EXPECT_EQ(g_counter.value(), before + 5);
  EXPECT(text("test_events")
             .starts_with("# TYPE test_events counter\n# HELP test_events Events of the test\n"
                          "test_events_total{cpu=\""));
}

NACRE_KERNEL_TEST(metrics, histograms_are_cumulative) {
  for (const uint64_t value : {0, 1, 3, 3, 100}) g_histogram.record(value);
  EXPECT_EQ(g_histogram.count(), 5u);
  const std::string out = text("test_sizes");
  EXPECT(
      out.find("_bucket{le=\"0\"} 1\ntest_sizes_bytes_bucket{le=\"1\"} "
               "2\ntest_sizes_bytes_bucket{le=\"3\"} 4\n"
               "test_sizes_bytes_bucket{le=\"127\"} 5\ntest_sizes_bytes_bucket{le=\"+Inf\"} 5\n") !=
      std::string::npos);
  EXPECT(out.find("test_sizes_bytes_count 5\ntest_sizes_bytes_sum 107\n") != std::string::npos);
}

const Readings g_readings("test_labelled", "Readings with labels", Metric::Kind::Counter,
                          [](const Readings::Samples& samples) {
                            samples.add("cpu=\"0\",kind=\"a\"", 1);
                            samples.add("cpu=\"1\",kind=\"a\"", 2);
                          });

NACRE_KERNEL_TEST(metrics, readings_have_labels) {
  EXPECT_EQ(text("test_labelled"),
            "# TYPE test_labelled counter\n# HELP test_labelled Readings with labels\n"
            "test_labelled_total{cpu=\"0\",kind=\"a\"} 1\n"
            "test_labelled_total{cpu=\"1\",kind=\"a\"} 2\n# EOF\n");
}

NACRE_KERNEL_TEST(metrics, text_ends_and_is_in_order) {
  EXPECT_EQ(text("test_answer"),
            "# TYPE test_answer gauge\n# HELP test_answer A reading\ntest_answer 42\n# EOF\n");
  const std::string all = text("");
  EXPECT(all.ends_with("# EOF\n"));
  EXPECT_LT(all.find("test_answer"), all.find("test_events"));
}

NACRE_KERNEL_BENCHMARK(counter_add) {
  benchmark.measure(1000, [] { g_counter.add(); });
}

}  // namespace
}  // namespace nacre::trace
