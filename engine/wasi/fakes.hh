// What the tests of the functions run on: a memory of bytes, a system whose time stands still unless it is waited for, and
// a call by name.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "nacre/engine/wasi/functions.hh"

namespace nacre::wasi::testing {

class FakeMemory final : public GuestMemory {
 public:
  explicit FakeMemory(size_t size = 65536) : bytes(size) {}

  [[nodiscard]] bool contains(uint64_t address, uint64_t size) const override {
    return size <= bytes.size() && address <= bytes.size() - size;
  }
  [[nodiscard]] bool read(uint64_t address, std::span<uint8_t> out) const override {
    if (!contains(address, out.size())) return false;
    std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(address), out.size(), out.begin());
    return true;
  }
  [[nodiscard]] bool write(uint64_t address, std::span<const uint8_t> in) override {
    if (!contains(address, in.size())) return false;
    std::copy(in.begin(), in.end(), bytes.begin() + static_cast<ptrdiff_t>(address));
    return true;
  }
  template <class T>
  [[nodiscard]] T at(uint64_t address) const {
    T value = 0;
    ASSERT(load(address, value));
    return value;
  }
  template <class T>
  void set(uint64_t address, T value) {
    ASSERT(store(address, value));
  }
  [[nodiscard]] std::string text(uint64_t address, size_t size) const {
    ASSERT(contains(address, size));
    return {bytes.begin() + static_cast<ptrdiff_t>(address),
            bytes.begin() + static_cast<ptrdiff_t>(address + size)};
  }
  // Puts text somewhere and returns where and how long.
  std::pair<uint32_t, uint32_t> place(uint32_t address, std::string_view value) {
    ASSERT(write_text(address, value));
    return {address, static_cast<uint32_t>(value.size())};
  }

  std::vector<uint8_t> bytes;
};

class FakeSystem final : public System {
 public:
  [[nodiscard]] uint64_t now(Clock clock) override {
    return clock == Clock::Realtime ? 1'700'000'000'000'000'000 + monotonic : monotonic;
  }
  [[nodiscard]] uint64_t resolution(Clock clock) override {
    return 10 + static_cast<uint64_t>(clock);
  }
  void random(std::span<uint8_t> out) override {
    for (uint8_t& byte : out) byte = static_cast<uint8_t>(++random_state * 37 | 1);
  }
  [[nodiscard]] bool is_terminal(Stream stream) override {
    return terminal && stream == Stream::Out;
  }
  [[nodiscard]] coro::Task<Outcome<size_t>> read_stdin(std::span<uint8_t> out) override {
    const size_t count = std::min(out.size(), input.size());
    std::copy_n(input.begin(), count, out.begin());
    input.erase(0, count);
    co_return count;
  }
  [[nodiscard]] coro::Task<Outcome<void>> write(Stream stream,
                                                std::span<const uint8_t> bytes) override {
    ++writes;
    if (closed) co_return refuse(Errno::Pipe);
    (stream == Stream::Out ? output : errors).append(bytes.begin(), bytes.end());
    co_return Outcome<void>();
  }
  [[nodiscard]] std::optional<size_t> try_read_stdin(std::span<uint8_t> out) override {
    if (!ready) return std::nullopt;
    return coro::run_inline(read_stdin(out)).value();
  }
  [[nodiscard]] bool try_write(Stream stream, std::span<const uint8_t> bytes) override {
    return ready && coro::run_inline(write(stream, bytes)).has_value();
  }
  [[nodiscard]] bool try_yield() override { return ready; }
  [[nodiscard]] InputState stdin_state() override {
    return {monotonic >= input_at, input.empty(), input.size()};
  }
  [[nodiscard]] coro::Task<void> sleep_until(uint64_t deadline_ns) override {
    ASSERT(deadline_ns != kNoDeadline);
    monotonic = std::max(monotonic, deadline_ns);
    ++sleeps;
    co_return;
  }
  [[nodiscard]] coro::Task<void> wait_for_stdin(uint64_t deadline_ns) override {
    monotonic = std::max(monotonic, std::min(deadline_ns, input_at));
    ++sleeps;
    co_return;
  }
  [[nodiscard]] coro::Task<void> yield() override {
    ++yields;
    co_return;
  }

  uint64_t monotonic = 1'000'000'000;
  uint64_t input_at = 0;  // when standard input becomes readable
  std::string input;
  std::string output;
  std::string errors;
  uint32_t random_state = 0;
  int writes = 0;
  int sleeps = 0;
  int yields = 0;
  bool terminal = false;
  bool closed = false;
  bool ready = false;  // streams need not be waited for, and nobody else wants to run
};

// Calls an asynchronous function only if it need not wait.
inline std::optional<Errno> attempt_function(Process& process, GuestMemory& memory,
                                             std::string_view name,
                                             std::vector<uint64_t> arguments) {
  for (const Function& function : functions()) {
    if (function.name != name || function.attempt == nullptr) continue;
    Call call{process, memory, arguments, Dialect::Preview1, {}};
    return function.attempt(call);
  }
  panic("no such function, or one that cannot be attempted");
}

// Finds a function by name and calls it to its end.
inline Errno call_function(Process& process, GuestMemory& memory, std::string_view name,
                           std::vector<uint64_t> arguments, Dialect dialect = Dialect::Preview1,
                           std::optional<uint32_t>* exit_code = nullptr) {
  for (const Function& function : functions()) {
    if (function.name != name) continue;
    ASSERT(arguments.size() == function.parameters.size());
    Call call{process, memory, arguments, dialect, {}};
    Errno error = Errno::Success;
    if (const auto* handler = std::get_if<SyncHandler>(&function.handler)) {
      error = (*handler)(call);
    } else {
      error = coro::run_inline(std::get<AsyncHandler>(function.handler)(call));
    }
    if (exit_code != nullptr) *exit_code = call.exit_code;
    return error;
  }
  panic("no such function");
}

}  // namespace nacre::wasi::testing
