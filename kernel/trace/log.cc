#include "nacre/kernel/trace/log.hh"

#include "console_lock.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/arch/per_cpu.hh"
#include "nacre/kernel/trace/line.hh"
#include "nacre/kernel/trace/log_ring.hh"
#include "nacre/kernel/trace/metrics.hh"
#include "nacre/kernel/trace/span.hh"

namespace nacre::trace {
namespace {

const Counter kLines("nacre_log_lines", "Lines logged");

constexpr size_t kMaxCpus = 64;
constexpr size_t kRingSize = 4096;
using Ring = LogRing<kRingSize>;

// Lines that one caller writes out before it goes on with its own work.
constexpr unsigned kMaxDrained = 1000;

[[gnu::section(".tbss_large")]] constinit thread_local Ring t_ring;
// nullptr until a CPU logs for the first time. The acquire of a drain pairs with the release in own_ring().
constinit std::array<std::atomic<Ring*>, kMaxCpus> rings{};

// ---- The console's side, all under the console's lock ----

// What was written last, for `log` in the shell: circular, `written` counts all bytes ever.
constexpr size_t kHistorySize = 16384;
constinit std::array<char, kHistorySize> history{};
constinit uint64_t history_written = 0;
constinit std::array<uint64_t, kMaxCpus> lost_told{};

void write_out(std::string_view text) {
  for (const char c : text) history[history_written++ % kHistorySize] = c;
  arch::console_write(text);
}

void tell_lost(size_t cpu, const Ring& ring) {
  const uint64_t lost = ring.lost();
  if (lost == lost_told[cpu]) return;
  FixedLine<80> line;
  format_to(line, "({} lines of CPU {} were lost)", lost - lost_told[cpu], cpu);
  line.end_line();
  lost_told[cpu] = lost;
  write_out(line.text());
}

// The ring with the oldest line.
Ring* oldest_ring() {
  Ring* oldest = nullptr;
  for (size_t cpu = 0; cpu < kMaxCpus; ++cpu) {
    Ring* ring = rings[cpu].load(std::memory_order_acquire);
    if (ring == nullptr) continue;
    if (!ring->is_empty() &&
        (oldest == nullptr || ring->front_time_ns() < oldest->front_time_ns())) {
      oldest = ring;
    }
    tell_lost(cpu, *ring);
  }
  return oldest;
}

void drain_locked() {
  for (unsigned i = 0; i < kMaxDrained; ++i) {
    Ring* ring = oldest_ring();
    if (ring == nullptr) return;
    std::array<char, kMaxLine> line;
    write_out(ring->pop(line));
  }
}

// ---- The logging CPU's side ----

Ring& own_ring() {
  std::atomic<Ring*>& entry = rings[arch::this_cpu().id.value % kMaxCpus];
  if (entry.load(std::memory_order_relaxed) == nullptr) [[unlikely]] {
    entry.store(&t_ring, std::memory_order_release);
  }
  return t_ring;
}

bool anything_pending() {
  for (const auto& entry : rings) {
    const Ring* ring = entry.load(std::memory_order_acquire);
    if (ring != nullptr && !ring->is_empty()) return true;
  }
  return false;
}

// Writes out what is there unless another CPU is at it; that one looks again after it has let the console go. (Both sides, push
// then try and let go then look, are sequentially consistent: one of the two sees the other.)
void drain_if_free() {
  for (unsigned i = 0; i < kMaxDrained; ++i) {
    if (!console_lock.try_take()) return;
    drain_locked();
    console_lock.give_back();
    if (!anything_pending()) return;
  }
}

// ---- The filter ----

constinit Filter filter;
constinit std::atomic<bool> filter_taken{false};

// Short and never taken in a trap: a reader copies a level, a writer a filter.
class FilterLock {
 public:
  FilterLock() {
    while (filter_taken.exchange(true, std::memory_order_acquire)) {
    }
  }
  ~FilterLock() { filter_taken.store(false, std::memory_order_release); }
  FilterLock(const FilterLock&) = delete;
  FilterLock& operator=(const FilterLock&) = delete;
};

}  // namespace

constinit std::atomic<uint32_t> filter_generation{1};
constinit ConsoleLock console_lock;

void set_filter(const Filter& next) {
  const FilterLock lock;
  filter = next;
  detail::g_spans_are_told.store(next.bounds_for(kSpanTarget).most == Level::Trace,
                                 std::memory_order_relaxed);
  filter_generation.fetch_add(1, std::memory_order_release);
}

Filter current_filter() {
  const FilterLock lock;
  return filter;
}

bool Logger::refresh(Level level) const {
  const FilterLock lock;
  const uint32_t generation = filter_generation.load(std::memory_order_acquire);
  const Filter::Bounds bounds = filter.bounds_for(target_);
  const uint32_t shown =
      bounds.depends_on_spans ? kDependsOnSpans : static_cast<uint32_t>(bounds.most);
  cached_.store(generation << 8 | shown, std::memory_order_relaxed);
  return level <= filter.level_for(target_, is_in_span);
}

bool Logger::shows_in_spans(Level level) const {
  const FilterLock lock;
  return level <= filter.level_for(target_, is_in_span);
}

void Logger::write(Level level, std::string_view text,
                   std::span<const format_detail::Argument> arguments) const {
  const uint64_t ns = arch::now_ns();
  const uint64_t us = ns / 1000;
  FixedLine<kMaxLine> line;
  format_to(line, "[{:5}.{:06}] {} {:<5} {}: ", us / 1'000'000, us % 1'000'000,
            arch::this_cpu().id.value, name_of(level), target_);
  describe_spans(line);
  format_detail::vformat(line, text, arguments);
  line.end_line();
  kLines.add();
  (void)own_ring().push(ns, line.text());
  drain_if_free();
}

void write_raw(std::string_view text) {
  const ConsoleHold hold;
  if (hold.is_outermost()) drain_locked();
  arch::console_write(text);
}

void write_kept(std::string_view text) {
  const ConsoleHold hold;
  if (hold.is_outermost()) drain_locked();
  write_out(text);
}

ConsoleHold::ConsoleHold() : outermost_(!console_lock.is_mine()) {
  if (outermost_) console_lock.take();
}
ConsoleHold::~ConsoleHold() {
  if (!outermost_) return;
  console_lock.give_back();
  // What others logged meanwhile they left to us.
  if (anything_pending()) drain_if_free();
}

void append_history(std::string& out) {
  const ConsoleHold hold;
  const uint64_t size = std::min<uint64_t>(history_written, kHistorySize);
  out.reserve(out.size() + size);
  for (uint64_t at = history_written - size; at < history_written; ++at) {
    out.push_back(history[at % kHistorySize]);
  }
}

uint64_t lost_lines(CpuId cpu) {
  const Ring* ring = rings[cpu.value % kMaxCpus].load(std::memory_order_acquire);
  return ring == nullptr ? 0 : ring->lost();
}

}  // namespace nacre::trace
