// The unit of isolation: an address space with a budget, and what the engine keeps in it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "nacre/base/core/error.hh"
#include "nacre/base/core/intrusive_list.hh"
#include "nacre/base/core/ref.hh"
#include "nacre/engine/runtime/store.hh"
#include "nacre/engine/runtime/type_registry.hh"
#include "nacre/kernel/mm/address_space.hh"
#include "nacre/kernel/mm/budget.hh"
#include "nacre/kernel/sched/cpu_scheduler.hh"
#include "nacre/kernel/wasm/domain_platform.hh"

namespace nacre::kwasm {

// Who a domain is, for people.
struct DomainLabel {
  std::string name;
  uint32_t job = 0;  // of the shell; 0: of nobody
};

struct DomainLimits {
  ByteSize memory = ByteSize::gib(8);  // everything the domain may make the kernel commit
  ByteSize stack = ByteSize::mib(8);   // of its thread
  sched::CpuLimits cpu;
  runtime::StoreLimits store;
  bool may_use_vectors = false;  // otherwise vector instructions are illegal
};

// Accounts that a domain begins with, since they have paid for something before, such as the compilation.
struct DomainAccounts {
  Ref<sched::CpuAccount> cpu;
  Ref<mm::Budget> memory;
};

class Thread;

class Domain : private ListNode {
 public:
  // `machine` and `types` outlive the domain.
  [[nodiscard]] static Result<std::unique_ptr<Domain>> create(mm::Machine& machine,
                                                              runtime::TypeRegistry& types,
                                                              const DomainLimits& limits,
                                                              DomainLabel label = {});
  // limits.cpu and limits.memory do not count.
  [[nodiscard]] static Result<std::unique_ptr<Domain>> create(mm::Machine& machine,
                                                              runtime::TypeRegistry& types,
                                                              const DomainLimits& limits,
                                                              DomainAccounts accounts,
                                                              DomainLabel label = {});
  Domain(const Domain&) = delete;
  Domain& operator=(const Domain&) = delete;
  ~Domain();

  // Counts all domains ever made, from 1.
  [[nodiscard]] uint64_t id() const { return id_; }
  [[nodiscard]] const DomainLabel& label() const { return label_; }
  [[nodiscard]] uint64_t created_ns() const { return created_ns_; }

  [[nodiscard]] mm::AddressSpace& space() { return *space_; }
  [[nodiscard]] runtime::Store& store() { return *store_; }
  [[nodiscard]] DomainPlatform& platform() { return *platform_; }
  [[nodiscard]] const mm::Budget& budget() const { return *budget_; }
  // Of nothing yet.
  [[nodiscard]] mm::Charge new_charge() const { return mm::Charge(budget_); }
  [[nodiscard]] bool may_use_vectors() const { return may_use_vectors_; }
  [[nodiscard]] sched::CpuAccount& cpu_account() { return *cpu_account_; }
  [[nodiscard]] const sched::CpuAccount& cpu_account() const { return *cpu_account_; }
  // What the thread's stack pointer starts at, page-aligned.
  [[nodiscard]] UserAddr stack_top() const { return store_->stack().top; }

 private:
  friend class DomainList;
  template <class T>
  friend class nacre::IntrusiveList;
  friend class Thread;

  Domain(DomainAccounts accounts, DomainLabel label);
  [[nodiscard]] Result<void> reserve_stack(ByteSize size);

  const uint64_t id_;
  const uint64_t created_ns_;
  const DomainLabel label_;
  // Under the lock of the list of domains.
  IntrusiveList<Thread> threads_;
  // Destroyed last to first: the store releases what it reserved, then the space frees the rest.
  Ref<mm::Budget> budget_;
  Ref<sched::CpuAccount> cpu_account_;
  std::unique_ptr<mm::AddressSpace> space_;
  std::unique_ptr<DomainPlatform> platform_;
  std::unique_ptr<runtime::Store> store_;
  bool may_use_vectors_ = false;
};

}  // namespace nacre::kwasm
