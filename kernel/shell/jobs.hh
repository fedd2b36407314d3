// Programs that the shell has started.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nacre/base/coro/event.hh"
#include "nacre/base/coro/scope.hh"
#include "nacre/base/coro/task.hh"
#include "nacre/base/launch/config.hh"
#include "nacre/kernel/machine/devices.hh"
#include "nacre/kernel/sched/cpu_scheduler.hh"
#include "nacre/kernel/shell/run_request.hh"
#include "nacre/kernel/wasm/program.hh"
#include "terminal.hh"

namespace nacre::shell {

// States: running → ended (ending is there, done is set). A job that was killed has no ending and is gone at once.
struct Job {
  Job(Terminal& terminal, TerminalStreams::Place place) : streams(terminal, place) {}

  uint32_t id = 0;
  uint64_t started_ns = 0;
  launch::Config config;
  sched::CpuLimits cpu;
  std::optional<ByteSize> memory;
  TerminalStreams streams;
  std::optional<Result<kwasm::Ending>> ending;
  coro::Event done;
  // Last: what runs uses the rest.
  coro::Scope scope;
};

class Jobs {
 public:
  Jobs(Terminal& terminal, const machine::Devices& devices, std::span<const std::byte> archive,
       std::vector<std::string> preopens)
      : terminal_(terminal), devices_(devices), archive_(archive), preopens_(std::move(preopens)) {}

  // Starts a program of the boot archive. The job stays until it is removed.
  [[nodiscard]] Result<Job*> start(const RunRequest& request);
  // nullptr if there is none.
  [[nodiscard]] Job* find(uint32_t id);
  // Stops it, wherever it is, and forgets it.
  [[nodiscard]] coro::Task<void> remove(Job& job);
  [[nodiscard]] const std::list<std::unique_ptr<Job>>& all() const { return jobs_; }

  // The file of the archive that a program with our preopened directories finds at `path`.
  [[nodiscard]] Result<std::span<const std::byte>> read_file(std::string_view path) const;
  // Paths of all files below `path`.
  [[nodiscard]] std::vector<std::string> list(std::string_view path) const;

 private:
  // What a program that is given only these sees where.
  [[nodiscard]] Result<std::vector<std::string>> preopens_for(
      std::span<const RunRequest::Directory> directories) const;
  // Calls visit(path, entry) for each file until it returns true.
  template <class Visitor>
  void visit_files(Visitor&& visit) const;
  static coro::Task<void> live(Jobs* jobs, Job* job, std::span<const std::byte> module);

  Terminal& terminal_;
  const machine::Devices& devices_;
  std::span<const std::byte> archive_;
  std::vector<std::string> preopens_;
  std::list<std::unique_ptr<Job>> jobs_;
  uint32_t next_id_ = 1;
};

// "exit 3", or the trap's report, or the error.
[[nodiscard]] std::string describe(const Result<kwasm::Ending>& ending);

}  // namespace nacre::shell
