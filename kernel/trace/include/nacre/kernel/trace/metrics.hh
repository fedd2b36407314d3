// What the kernel counts about itself, and its text form for collectors (OpenMetrics 1.0).
//
//   namespace { const trace::Counter panics("nacre_panics", "Panics reported"); }
//   panics.add();
//
// Counters and histograms have a cell of their own on each CPU, which only that CPU writes: counting takes no lock and no atomic
// read-modify-write. A reader adds up what the CPUs have, each as it was at some moment of the reading.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "nacre/base/core/address.hh"
#include "nacre/base/core/format.hh"

namespace nacre::trace {

namespace detail {

// Of all metrics together; what registers beyond it fails an assertion at boot.
inline constexpr uint32_t kMaxCells = 256;
struct Cells {
  std::array<std::atomic<uint64_t>, kMaxCells> values{};
  bool known = false;  // to the readers
};
extern constinit thread_local Cells t_cells;
// Lets readers find this CPU's cells.
void announce_cells() noexcept;

}  // namespace detail

// Objects with static storage: they register themselves and stay. Names are [a-z_]+ and end in the unit, if there is one.
class Metric {
 public:
  enum class Kind : uint8_t { Counter, Gauge, Histogram };

  Metric(const Metric&) = delete;
  Metric& operator=(const Metric&) = delete;

  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] static const Metric* first();
  [[nodiscard]] const Metric* next() const { return next_; }
  // Its lines, without type and help.
  virtual void write_samples(FormatSink& sink) const = 0;
  void write(FormatSink& sink) const;

 protected:
  // `cells` of every CPU become this metric's own.
  Metric(const char* name, const char* help, Kind kind, uint32_t cells);
  ~Metric() = default;
  void add_to_cell(uint32_t index, uint64_t amount) const noexcept {
    detail::Cells& cells = detail::t_cells;
    if (!cells.known) [[unlikely]] {
      detail::announce_cells();
    }
    // Only this CPU writes it, so that load and store need not be one.
    std::atomic<uint64_t>& mine = cells.values[first_cell_ + index];
    mine.store(mine.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  [[nodiscard]] uint64_t cell(uint32_t index, CpuId cpu) const noexcept;
  // Over all CPUs.
  [[nodiscard]] uint64_t sum_of_cell(uint32_t index) const noexcept;

 private:
  const char* name_;
  const char* help_;
  Kind kind_;
  uint32_t first_cell_;
  const Metric* next_;
};

class Counter final : public Metric {
 public:
  Counter(const char* name, const char* help) : Metric(name, help, Kind::Counter, 1) {}
  void add(uint64_t amount = 1) const noexcept { add_to_cell(0, amount); }
  [[nodiscard]] uint64_t value() const noexcept { return sum_of_cell(0); }
  void write_samples(FormatSink& sink) const override;
};

// Counts values by powers of two: bucket n holds those below 2^n and not below 2^(n-1).
class Histogram final : public Metric {
 public:
  static constexpr uint32_t kBuckets = 32;  // the last one also holds what is larger
  Histogram(const char* name, const char* help)
      : Metric(name, help, Kind::Histogram, kBuckets + 1) {}
  void record(uint64_t value) const noexcept;
  [[nodiscard]] uint64_t count() const noexcept;
  void write_samples(FormatSink& sink) const override;
};

// A value that somebody else keeps, asked for when the text is made.
class Reading final : public Metric {
 public:
  using Read = uint64_t (*)();
  Reading(const char* name, const char* help, Kind kind, Read read)
      : Metric(name, help, kind, 0), read_(read), kind_(kind) {}
  void write_samples(FormatSink& sink) const override;

 private:
  Read read_;
  Kind kind_;
};

// Values that somebody else keeps, told apart by labels.
class Readings final : public Metric {
 public:
  // What `read` writes its samples to.
  class Samples {
   public:
    // `labels` as in the text, without braces: `cpu="0",kind="timer"`. Each set of labels once.
    void add(std::string_view labels, uint64_t value) const;

   private:
    friend class Readings;
    Samples(FormatSink& sink, const Readings& readings) : sink_(sink), readings_(readings) {}
    FormatSink& sink_;
    const Readings& readings_;
  };
  using Read = void (*)(const Samples& samples);

  Readings(const char* name, const char* help, Kind kind, Read read)
      : Metric(name, help, kind, 0), read_(read), kind_(kind) {}
  void write_samples(FormatSink& sink) const override;

 private:
  Read read_;
  Kind kind_;
};

// All of them whose names begin with `prefix`, in the order of their names, and the end mark.
void write_metrics(FormatSink& sink, std::string_view prefix = {});

}  // namespace nacre::trace
