// What WASI needs of the system it runs on: clocks, random bytes and the three standard streams.
// The kernel and the host tools each implement it. Whatever may block is a Task.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "nacre/base/coro/task.hh"
#include "nacre/engine/wasi/vfs/errno.hh"

namespace nacre::wasi {

using vfs::Errno;
using vfs::Outcome;
using vfs::refuse;

// WASI's `clockid`.
enum class Clock : uint32_t { Realtime = 0, Monotonic = 1, ProcessCpu = 2, ThreadCpu = 3 };
inline constexpr uint32_t kClockCount = 4;

enum class Stream : uint8_t { In = 0, Out = 1, Err = 2 };

class System {
 public:
  virtual ~System() = default;

  static constexpr uint64_t kNoDeadline = ~uint64_t{0};

  // Nanoseconds. Realtime counts from 1970-01-01; the others from some point in the past.
  [[nodiscard]] virtual uint64_t now(Clock clock) = 0;
  [[nodiscard]] virtual uint64_t resolution(Clock clock) = 0;
  // Fills with bytes fit for cryptography.
  virtual void random(std::span<uint8_t> out) = 0;

  // Whether the stream is a terminal that a person sits at.
  [[nodiscard]] virtual bool is_terminal(Stream stream) = 0;
  // Waits for standard input: at least one byte, at most out.size() (> 0); 0 at the end of the
  // input. The buffer stays alive until the task ends.
  [[nodiscard]] virtual coro::Task<Outcome<size_t>> read_stdin(std::span<uint8_t> out) = 0;
  // Writes all of `bytes` (which stay alive until the task ends) to Stream::Out or Stream::Err.
  // Pipe if nobody listens any more, Io if the device failed.
  [[nodiscard]] virtual coro::Task<Outcome<void>> write(Stream stream,
                                                        std::span<const uint8_t> bytes) = 0;

  // read_stdin(), write() and yield() where they need not wait: how much was read; whether all was written; whether nobody else
  // wants to run. Otherwise they do nothing.
  [[nodiscard]] virtual std::optional<size_t> try_read_stdin(std::span<uint8_t>) {
    return std::nullopt;
  }
  [[nodiscard]] virtual bool try_write(Stream, std::span<const uint8_t>) { return false; }
  [[nodiscard]] virtual bool try_yield() { return false; }

  // What read_stdin() could return without waiting.
  struct InputState {
    bool ready = false;  // bytes, or the end
    bool end = false;    // no bytes will come
    uint64_t bytes = 0;  // a lower bound
  };
  [[nodiscard]] virtual InputState stdin_state() = 0;

  // Returns at or after the monotonic time `deadline_ns`.
  [[nodiscard]] virtual coro::Task<void> sleep_until(uint64_t deadline_ns) = 0;
  // Returns when stdin_state().ready, or at or after the deadline (kNoDeadline: never).
  [[nodiscard]] virtual coro::Task<void> wait_for_stdin(uint64_t deadline_ns) = 0;
  // Lets others run.
  [[nodiscard]] virtual coro::Task<void> yield() = 0;

  // A benchmark called bench.start or bench.end: a platform that counts instructions executes its
  // marker here.
  enum class Marker : uint8_t { Start, End };
  virtual void mark([[maybe_unused]] Marker marker) {}
};

}  // namespace nacre::wasi
