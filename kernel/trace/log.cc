#include "nacre/kernel/trace/log.hh"

#include "line.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/arch/per_cpu.hh"

namespace nacre::trace {
namespace {

constinit Filter filter;  // written by the boot CPU before others run
// True while a CPU writes a line. Interrupts are off in the kernel, so a holder always gets on.
constinit std::atomic<bool> console_taken{false};

// After this many looks the holder is taken for dead: a log that cannot be written helps nobody.
constexpr unsigned kPatience = 100'000'000;

void write_locked(std::string_view text, unsigned patience) {
  bool mine = false;
  for (unsigned i = 0; i <= patience && !mine; ++i) {
    // The acquire pairs with the release below.
    mine = !console_taken.exchange(true, std::memory_order_acquire);
  }
  arch::console_write(text);
  if (mine) console_taken.store(false, std::memory_order_release);
}

}  // namespace

constinit std::atomic<uint32_t> filter_generation{1};

void set_filter(const Filter& next) {
  filter = next;
  filter_generation.fetch_add(1, std::memory_order_release);
}

bool Logger::refresh(Level level) const {
  const uint32_t generation = filter_generation.load(std::memory_order_acquire);
  const Level shown = filter.level_for(target_);
  cached_.store(generation << 8 | static_cast<uint32_t>(shown), std::memory_order_relaxed);
  return level <= shown;
}

void Logger::write(Level level, std::string_view text,
                   std::span<const format_detail::Argument> arguments) const {
  const uint64_t us = arch::now_ns() / 1000;
  FixedLine<kMaxLine> line;
  format_to(line, "[{:5}.{:06}] {} {:<5} {}: ", us / 1'000'000, us % 1'000'000,
            arch::this_cpu().id.value, name_of(level), target_);
  format_detail::vformat(line, text, arguments);
  line.end_line();
  write_locked(line.text(), kPatience);
}

void write_raw(std::string_view text) {
  write_locked(text, kPatience);
}
void write_raw_forced(std::string_view text) {
  write_locked(text, 1000);
}

}  // namespace nacre::trace
