#include "machine_sandbox.hh"

#include "nacre/kernel/mm/kernel_memory.hh"

namespace nacre::machine_tests {

Result<std::unique_ptr<MachineSandbox>> MachineSandbox::create() {
  std::unique_ptr<MachineSandbox> sandbox(new MachineSandbox());
  TRY_ASSIGN(sandbox->domain_, kwasm::Domain::create(mm::machine(), sandbox->types_, {}));
  sandbox->thread_ = std::make_unique<kwasm::Thread>(*sandbox->domain_);
  return sandbox;
}

}  // namespace nacre::machine_tests
