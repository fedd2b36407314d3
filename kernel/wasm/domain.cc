#include "nacre/kernel/wasm/domain.hh"

#include "nacre/abi/vm_context.hh"
#include "nacre/kernel/mm/kernel_memory.hh"

namespace nacre::kwasm {

Result<std::unique_ptr<Domain>> Domain::create(mm::Machine& machine, runtime::TypeRegistry& types,
                                               const DomainLimits& limits) {
  return create(machine, types, limits, make_ref<sched::CpuAccount>(limits.cpu));
}

Result<std::unique_ptr<Domain>> Domain::create(mm::Machine& machine, runtime::TypeRegistry& types,
                                               const DomainLimits& limits,
                                               Ref<sched::CpuAccount> cpu_account) {
  std::unique_ptr<Domain> domain(
      new Domain(make_ref<mm::Budget>(limits.memory), std::move(cpu_account)));
  TRY_ASSIGN(domain->space_, mm::AddressSpace::create(machine, domain->budget_));
  TRY_ASSIGN(domain->platform_, DomainPlatform::create(*domain->space_));
  domain->store_ = std::make_unique<runtime::Store>(*domain->platform_, types, limits.store);
  domain->may_use_vectors_ = limits.may_use_vectors;
  TRY(domain->reserve_stack(limits.stack));
  return domain;
}

// The space's root is free for others as soon as no CPU uses it; this one may.
Domain::~Domain() {
  mm::deactivate();
}

// The guard lies inside the reservation and is never committed (INV-6).
Result<void> Domain::reserve_stack(ByteSize size) {
  const ByteSize guard(abi::kStackGuardBytes);
  TRY_ASSIGN(const UserAddr start, space_->reserve(guard + size));
  const UserAddr limit = start + guard;
  TRY(space_->commit(limit, size));
  return store_->set_stack({.limit = limit, .top = limit + size});
}

}  // namespace nacre::kwasm
