#include "nacre/kernel/trace/metrics.hh"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <utility>

#include "nacre/base/core/panic.hh"
#include "nacre/kernel/arch/per_cpu.hh"

namespace nacre::trace {
namespace {

constexpr uint32_t kMaxCpus = 64;
using detail::Cells;
using detail::kMaxCells;

// nullptr until a CPU counts something. The acquire of a reader pairs with the release in announce_cells().
constinit std::array<std::atomic<Cells*>, kMaxCpus> cells_of{};

// Changed by constructors only, on the boot CPU before others run. Cell 0 takes what is counted before that.
constinit const Metric* first_metric = nullptr;
constinit uint32_t cells_taken = 1;

std::string_view name_of(Metric::Kind kind) {
  switch (kind) {
    case Metric::Kind::Counter:
      return "counter";
    case Metric::Kind::Gauge:
      return "gauge";
    case Metric::Kind::Histogram:
      return "histogram";
  }
  return "unknown";
}

}  // namespace

[[gnu::section(".tbss_large")]] constinit thread_local Cells detail::t_cells;

void detail::announce_cells() noexcept {
  t_cells.known = true;
  cells_of[arch::this_cpu().id.value % kMaxCpus].store(&t_cells, std::memory_order_release);
}

Metric::Metric(const char* name, const char* help, Kind kind, uint32_t cells)
    : name_(name),
      help_(help),
      kind_(kind),
      first_cell_(std::exchange(cells_taken, cells_taken + cells)),
      next_(std::exchange(first_metric, this)) {
  ASSERT(cells_taken <= kMaxCells);
}

const Metric* Metric::first() {
  return first_metric;
}

uint64_t Metric::cell(uint32_t index, CpuId cpu) const noexcept {
  const Cells* cells = cells_of[cpu.value % kMaxCpus].load(std::memory_order_acquire);
  return cells == nullptr ? 0 : cells->values[first_cell_ + index].load(std::memory_order_relaxed);
}

uint64_t Metric::sum_of_cell(uint32_t index) const noexcept {
  uint64_t sum = 0;
  for (uint32_t cpu = 0; cpu < kMaxCpus; ++cpu) sum += cell(index, CpuId{cpu});
  return sum;
}

void Metric::write(FormatSink& sink) const {
  format_to(sink, "# TYPE {} {}\n# HELP {} {}\n", name_, name_of(kind_), name_, help_);
  write_samples(sink);
}

void Counter::write_samples(FormatSink& sink) const {
  bool any = false;
  for (uint32_t cpu = 0; cpu < kMaxCpus; ++cpu) {
    const uint64_t value = cell(0, CpuId{cpu});
    if (value == 0) continue;
    any = true;
    format_to(sink, "{}_total{{cpu=\"{}\"}} {}\n", name(), cpu, value);
  }
  if (!any) format_to(sink, "{}_total{{cpu=\"0\"}} 0\n", name());
}

void Histogram::record(uint64_t value) const noexcept {
  const auto bucket = static_cast<uint32_t>(std::bit_width(value));
  add_to_cell(std::min(bucket, kBuckets - 1), 1);
  add_to_cell(kBuckets, value);
}

uint64_t Histogram::count() const noexcept {
  uint64_t count = 0;
  for (uint32_t i = 0; i < kBuckets; ++i) count += sum_of_cell(i);
  return count;
}

void Histogram::write_samples(FormatSink& sink) const {
  uint64_t below = 0;
  for (uint32_t i = 0; i + 1 < kBuckets; ++i) {
    const uint64_t in_bucket = sum_of_cell(i);
    below += in_bucket;
    // Empty buckets between others carry nothing that their neighbours do not.
    if (in_bucket != 0) {
      format_to(sink, "{}_bucket{{le=\"{}\"}} {}\n", name(), (uint64_t{1} << i) - 1, below);
    }
  }
  const uint64_t all = below + sum_of_cell(kBuckets - 1);
  format_to(sink, "{}_bucket{{le=\"+Inf\"}} {}\n", name(), all);
  format_to(sink, "{}_count {}\n{}_sum {}\n", name(), all, name(), sum_of_cell(kBuckets));
}

void Reading::write_samples(FormatSink& sink) const {
  format_to(sink, "{}{} {}\n", name(), kind_ == Kind::Counter ? "_total" : "", read_());
}

void Readings::Samples::add(std::string_view labels, uint64_t value) const {
  format_to(sink_, "{}{}{{{}}} {}\n", readings_.name(),
            readings_.kind_ == Kind::Counter ? "_total" : "", labels, value);
}

void Readings::write_samples(FormatSink& sink) const {
  read_(Samples(sink, *this));
}

void write_metrics(FormatSink& sink, std::string_view prefix) {
  // By selection, so that nothing is allocated; there are some dozens.
  std::string_view last;
  for (;;) {
    const Metric* least = nullptr;
    for (const Metric* metric = first_metric; metric != nullptr; metric = metric->next()) {
      if (!metric->name().starts_with(prefix) || metric->name() <= last) continue;
      if (least == nullptr || metric->name() < least->name()) least = metric;
    }
    if (least == nullptr) break;
    last = least->name();
    least->write(sink);
  }
  sink.write("# EOF\n");
}

}  // namespace nacre::trace
