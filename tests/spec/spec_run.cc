// spec-run FILE…: executes command files in this process (riscv64 Linux, real or emulated), each in a store of its own.

#include <memory>

#include "file_list.hh"
#include "nacre/base/core/format.hh"
#include "nacre/engine/host/guest_thread.hh"
#include "nacre/engine/host/posix_platform.hh"
#include "nacre/tests/spec/interpreter.hh"

namespace nacre::spec {
namespace {

class PosixSandbox final : public Sandbox {
 public:
  PosixSandbox() : store_(platform_, types_) {}

  [[nodiscard]] Result<void> start() {
    TRY_ASSIGN(thread_, host::GuestThread::create(store_));
    return {};
  }
  [[nodiscard]] runtime::Store& store() override { return store_; }
  [[nodiscard]] coro::Task<Result<runtime::InvokeOutcome>> invoke(
      runtime::Function function, std::span<const uint64_t> arguments) override {
    co_return thread_->invoke(function, arguments);
  }

 private:
  host::PosixPlatform platform_;
  runtime::TypeRegistry types_;
  runtime::Store store_;
  std::unique_ptr<host::GuestThread> thread_;
};

Report run(const CommandFile& file) {
  PosixSandbox sandbox;
  if (const auto started = sandbox.start(); !started) {
    Report report;
    report.name = file.name;
    report.fail(0, started.error().to_string());
    return report;
  }
  return coro::run_inline(run_commands(file, sandbox));
}

}  // namespace
}  // namespace nacre::spec

int main(int argc, char** argv) {
  return nacre::spec::run_files(std::span(argv + 1, static_cast<size_t>(argc - 1)),
                                nacre::spec::run);
}
