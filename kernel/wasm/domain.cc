#include "nacre/kernel/wasm/domain.hh"

#include "nacre/abi/vm_context.hh"
#include "nacre/base/paging/format.hh"
#include "nacre/kernel/arch/translation.hh"

namespace nacre::kwasm {

Result<std::unique_ptr<Domain>> Domain::create(mm::Machine& machine, runtime::TypeRegistry& types,
                                               const DomainLimits& limits) {
  std::unique_ptr<Domain> domain(new Domain(machine, make_ref<mm::Budget>(limits.memory)));
  TRY_ASSIGN(domain->space_, mm::AddressSpace::create(machine, domain->budget_));
  TRY_ASSIGN(domain->platform_, DomainPlatform::create(*domain->space_));
  domain->store_ = std::make_unique<runtime::Store>(*domain->platform_, types, limits.store);
  TRY(domain->reserve_stack(limits.stack));
  return domain;
}

// This CPU still walks the tables of the last domain that ran on it; it must not when their frames are used again.
Domain::~Domain() {
  if (space_ == nullptr || arch::current_address_space() != space_->satp()) return;
  arch::switch_address_space(paging::make_satp(machine_.mode, 0, machine_.kernel_root));
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
