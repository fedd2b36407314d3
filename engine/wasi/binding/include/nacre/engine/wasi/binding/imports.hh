// WASI as imports for the runtime: both module names of preview 1, and the module "bench" whose
// functions mark the part of a benchmark that counts.
//
//   wasi::Imports imports(process);
//   for (const runtime::HostFunction& function : imports.functions())
//     TRY(linker.define_host_function(store, function));
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "nacre/engine/runtime/host_function.hh"
#include "nacre/engine/wasi/functions.hh"

namespace nacre::wasi {

// Must stay where it is and outlive the stores that its functions were defined in.
class Imports {
 public:
  explicit Imports(Process& process);
  Imports(const Imports&) = delete;
  Imports& operator=(const Imports&) = delete;

  [[nodiscard]] std::span<const runtime::HostFunction> functions() const { return functions_; }

  // What a function's `self` points to.
  struct Bound {
    Process* process;
    const Function* function;
    SyncHandler handler;  // of the function, if it has one
    Dialect dialect;
  };

 private:
  std::vector<std::unique_ptr<Bound>> bound_;
  std::vector<runtime::HostFunction> functions_;
};

}  // namespace nacre::wasi
