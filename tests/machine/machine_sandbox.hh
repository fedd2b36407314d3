// A domain and a thread to run one suite's modules in.
#pragma once

#include <memory>

#include "nacre/base/core/error.hh"
#include "nacre/engine/runtime/type_registry.hh"
#include "nacre/kernel/wasm/domain.hh"
#include "nacre/kernel/wasm/thread.hh"
#include "nacre/tests/spec/interpreter.hh"

namespace nacre::machine_tests {

class MachineSandbox final : public spec::Sandbox {
 public:
  [[nodiscard]] static Result<std::unique_ptr<MachineSandbox>> create();

  [[nodiscard]] runtime::Store& store() override { return domain_->store(); }
  [[nodiscard]] coro::Task<Result<runtime::InvokeOutcome>> invoke(
      runtime::Function function, std::span<const uint64_t> arguments) override {
    return thread_->invoke(function, arguments);
  }

 private:
  MachineSandbox() = default;

  runtime::TypeRegistry types_;
  std::unique_ptr<kwasm::Domain> domain_;
  std::unique_ptr<kwasm::Thread> thread_;
};

}  // namespace nacre::machine_tests
