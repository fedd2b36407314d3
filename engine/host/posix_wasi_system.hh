// WASI over POSIX, for wasm-run: the process's own streams and clocks, and copies of host directories in an in-memory file
// system, so that a program meets the same file system as in the kernel. Changes never reach the host's files.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "nacre/base/core/error.hh"
#include "nacre/engine/wasi/process.hh"
#include "nacre/engine/wasi/system.hh"
#include "nacre/engine/wasi/vfs/file_system.hh"

namespace nacre::host {

// Blocks the calling thread where the interface allows to suspend, so its tasks never suspend.
class PosixWasiSystem final : public wasi::System {
 public:
  // Makes the process ignore SIGPIPE: a closed pipe is an errno for the guest.
  PosixWasiSystem();

  [[nodiscard]] uint64_t now(wasi::Clock clock) override;
  [[nodiscard]] uint64_t resolution(wasi::Clock clock) override;
  void random(std::span<uint8_t> out) override;
  [[nodiscard]] bool is_terminal(wasi::Stream stream) override;
  [[nodiscard]] coro::Task<wasi::Outcome<size_t>> read_stdin(std::span<uint8_t> out) override;
  [[nodiscard]] coro::Task<wasi::Outcome<void>> write(wasi::Stream stream,
                                                      std::span<const uint8_t> bytes) override;
  [[nodiscard]] InputState stdin_state() override;
  [[nodiscard]] coro::Task<void> sleep_until(uint64_t deadline_ns) override;
  [[nodiscard]] coro::Task<void> wait_for_stdin(uint64_t deadline_ns) override;
  [[nodiscard]] coro::Task<void> yield() override;
  void mark(Marker marker) override;
};

struct WasiOptions {
  struct Directory {
    std::string host;
    std::string guest;
  };
  std::vector<std::string> arguments;    // the first is the program's name
  std::vector<std::string> environment;  // "KEY=value"
  std::vector<Directory> directories;
  uint64_t file_system_bytes = uint64_t{1} << 30;  // what the guest may add to them
};

// Everything that one guest program needs.
class PosixWasi {
 public:
  // Reads the directories. NotFound, Io, LimitExceeded.
  static Result<std::unique_ptr<PosixWasi>> create(WasiOptions options);

  [[nodiscard]] wasi::Process& process() { return *process_; }

 private:
  explicit PosixWasi(uint64_t file_system_bytes)
      : budget_(file_system_bytes), file_system_(budget_) {}

  [[nodiscard]] Result<void> load(const vfs::InodeRef& directory, const std::string& host_path);
  [[nodiscard]] Result<void> load_entry(const vfs::InodeRef& directory,
                                        const std::string& host_path, const std::string& name);

  PosixWasiSystem system_;
  std::vector<std::vector<uint8_t>>
      images_;  // contents of the host's files; the file system has views of them
  vfs::FixedBudget budget_;
  vfs::FileSystem file_system_;
  std::unique_ptr<wasi::Process> process_;
};

}  // namespace nacre::host
