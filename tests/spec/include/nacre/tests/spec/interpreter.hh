// Executes a command file against the engine's runtime, on any platform: what differs is in Sandbox.
#pragma once

#include <span>

#include "nacre/base/core/error.hh"
#include "nacre/base/coro/task.hh"
#include "nacre/engine/runtime/program.hh"
#include "nacre/engine/runtime/store.hh"
#include "nacre/engine/runtime/thread_entry.hh"
#include "nacre/tests/spec/command_file.hh"
#include "nacre/tests/spec/report.hh"

namespace nacre::spec {

// A fresh store and a thread to run its code on. One for each command file: modules of a file may share memories, tables
// and functions, and nothing else should.
class Sandbox {
 public:
  virtual ~Sandbox() = default;
  [[nodiscard]] virtual runtime::Store& store() = 0;
  [[nodiscard]] virtual runtime::CompileSettings settings() const { return {}; }
  // `arguments` outlives the task. An error means that the function could not be called at all.
  [[nodiscard]] virtual coro::Task<Result<runtime::InvokeOutcome>> invoke(
      runtime::Function function, std::span<const uint64_t> arguments) = 0;
};

// Never fails as a whole: what goes wrong is in the report. `file` and `sandbox` must outlive the task; the sandbox's
// store must not be used by others.
[[nodiscard]] coro::Task<Report> run_commands(const CommandFile& file, Sandbox& sandbox);

}  // namespace nacre::spec
