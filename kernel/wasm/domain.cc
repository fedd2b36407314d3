#include "nacre/kernel/wasm/domain.hh"

#include <atomic>

#include "nacre/abi/vm_context.hh"
#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/wasm/domain_list.hh"

namespace nacre::kwasm {

namespace {

constinit mm::Lock list_lock(LockRank::Domains);
// Under the lock.
constinit IntrusiveList<Domain> all_domains;
// Only a number.
constinit std::atomic<uint64_t> last_id{0};

}  // namespace

mm::Lock& DomainList::lock() {
  return list_lock;
}
IntrusiveList<Domain>& DomainList::domains() {
  return all_domains;
}

Domain::Domain(DomainAccounts accounts, DomainLabel label)
    : id_(last_id.fetch_add(1, std::memory_order_relaxed) + 1),
      created_ns_(arch::now_ns()),
      label_(std::move(label)),
      budget_(std::move(accounts.memory)),
      cpu_account_(std::move(accounts.cpu)) {}

Result<std::unique_ptr<Domain>> Domain::create(mm::Machine& machine, runtime::TypeRegistry& types,
                                               const DomainLimits& limits, DomainLabel label) {
  DomainAccounts accounts = {.cpu = make_ref<sched::CpuAccount>(limits.cpu),
                             .memory = make_ref<mm::Budget>(limits.memory)};
  return create(machine, types, limits, std::move(accounts), std::move(label));
}

Result<std::unique_ptr<Domain>> Domain::create(mm::Machine& machine, runtime::TypeRegistry& types,
                                               const DomainLimits& limits, DomainAccounts accounts,
                                               DomainLabel label) {
  std::unique_ptr<Domain> domain(new Domain(std::move(accounts), std::move(label)));
  TRY_ASSIGN(domain->space_, mm::AddressSpace::create(machine, domain->budget_));
  TRY_ASSIGN(domain->platform_, DomainPlatform::create(*domain->space_));
  domain->store_ = std::make_unique<runtime::Store>(*domain->platform_, types, limits.store);
  domain->may_use_vectors_ = limits.may_use_vectors;
  TRY(domain->reserve_stack(limits.stack));
  const mm::LockGuard guard(list_lock);
  all_domains.push_back(*domain);
  return domain;
}

// The space's root is free for others as soon as no CPU uses it; this one may.
Domain::~Domain() {
  {
    const mm::LockGuard guard(list_lock);
    ListNode::unlink();
  }
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
