// Everything that lives in one domain: instances and the objects they share, published code, host
// functions. What an embedder does: load() a program, resolve its imports (linker.hh),
// instantiate() it, invoke its start function and exports through thread_entry.hh, and serve host
// calls, growth and faults while the guest runs.
//
// Invariant: nothing read from guest memory decides anything here. A VmContext address that a guest
// hands over is looked up in the books (find_instance). The caller serialises access to a Store.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "nacre/abi/trap_kind.hh"
#include "nacre/engine/runtime/host_call.hh"
#include "nacre/engine/runtime/host_function.hh"
#include "nacre/engine/runtime/instance.hh"
#include "nacre/engine/runtime/platform.hh"

namespace nacre::runtime {

struct StoreLimits {
  uint64_t max_memory_bytes = uint64_t{4} << 30;  // of each linear memory
  uint64_t max_table_elements = 10'000'000;       // of each table
  uint32_t max_instances = 10'000;
  uint32_t max_memories = 10'000;
  uint32_t max_tables = 10'000;
  uint32_t max_host_functions = 100'000;
};

// The stack that guest threads of this store run on, for telling stack overflow from other faults
// and for VmContext::stack_limit. Usable are [limit, top); abi::kStackGuardBytes below `limit` are
// never mapped.
struct StackRegion {
  UserAddr limit;
  UserAddr top;
};

// An instance exists even if an active segment did not fit; `trap` then says so and the start
// function must not run.
struct Instantiation {
  Instance* instance;
  abi::TrapKind trap = abi::TrapKind::None;
};

class Store {
 public:
  Store(Platform& platform, TypeRegistry& types, const StoreLimits& limits = {});
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store();

  [[nodiscard]] Platform& platform() const { return platform_; }
  [[nodiscard]] TypeRegistry& types() const { return types_; }
  [[nodiscard]] const StoreLimits& limits() const { return limits_; }

  // Publishes a program's code in this store (once; later calls find it). Backtraces name the module as
  // its name section does, or else `fallback_name`. The result lives as long as the store.
  [[nodiscard]] Result<const ModuleCode*> load(std::shared_ptr<const CompiledProgram> program,
                                               std::string_view fallback_name = {});
  // Core specification §4.5.4. `imports` has one entry per Module::imports, in order, of the right
  // types: checked, with errors of code Unlinkable that contain "incompatible import type" or
  // "unknown import".
  [[nodiscard]] Result<Instantiation> instantiate(const ModuleCode& code,
                                                  std::span<const Extern> imports);

  // Objects that belong to no instance, for host modules. Minimum sizes count.
  [[nodiscard]] Result<Memory*> create_memory(const wasm::MemoryType& type);
  [[nodiscard]] Result<Table*> create_table(const wasm::TableType& type);
  [[nodiscard]] Result<Global*> create_global(const wasm::GlobalType& type, uint64_t bits);
  // The views in `function` (names) must outlive the store.
  [[nodiscard]] Result<Function> create_host_function(const HostFunction& function);

  // New and existing instances see the stack limit.
  [[nodiscard]] Result<void> set_stack(const StackRegion& stack);
  [[nodiscard]] const StackRegion& stack() const { return stack_; }

  // The instance whose VmContext is at this (alleged) address, or nullptr.
  [[nodiscard]] Instance* find_instance(UserAddr vm_context) {
    if (vm_context == last_vm_context_) [[likely]]
      return last_instance_;
    return find_instance_slow(vm_context);
  }
  // `number` is the system call number in t0 (at least abi::kFirstHostFunction for a host
  // function); nullptr if unknown.
  [[nodiscard]] const HostCallee* find_host_callee(uint64_t number) const {
    const uint64_t index = number - abi::kFirstHostFunction;
    return index < callees_.size() ? &callees_[index] : nullptr;
  }
  // abi::Builtin::MemoryGrow / TableGrow: every argument is an allegation. What belongs into a0.
  [[nodiscard]] uint64_t grow_memory(UserAddr vm_context, uint64_t memory_index,
                                     uint64_t delta_pages);
  [[nodiscard]] uint64_t grow_table(UserAddr vm_context, uint64_t table_index, uint64_t reference,
                                    uint64_t delta);

  // The code that holds this pc, or nullptr.
  [[nodiscard]] const ModuleCode* find_code(UserAddr pc) const;
  // The host function whose thunk holds this pc, or nullptr.
  [[nodiscard]] const HostFunction* find_thunk(UserAddr pc) const;
  // Whether the address lies in the reservation of one of this store's linear memories.
  [[nodiscard]] bool in_memory_reservation(UserAddr address) const;
  [[nodiscard]] std::span<const std::unique_ptr<Instance>> instances() const { return instances_; }

 private:
  friend class Instantiator;

  // A reservation or published range to give back when the store dies.
  struct Range {
    UserAddr address;
    ByteSize size;
  };

  [[nodiscard]] Instance* find_instance_slow(UserAddr vm_context);
  [[nodiscard]] Result<UserAddr> reserve(ByteSize size);
  [[nodiscard]] Result<UserAddr> allocate(ByteSize size);
  [[nodiscard]] Result<UserAddr> publish(std::span<const uint8_t> bytes, Access access);
  [[nodiscard]] Result<UserAddr> allocate_definition(uint64_t size);
  [[nodiscard]] Result<Memory*> make_memory(const wasm::MemoryType& type, UserAddr definition);
  [[nodiscard]] Result<Table*> make_table(const wasm::TableType& type, UserAddr definition);
  [[nodiscard]] Result<UserAddr> thunk(uint64_t index);

  Platform& platform_;
  TypeRegistry& types_;
  StoreLimits limits_;
  StackRegion stack_;
  UserAddr last_vm_context_;
  Instance* last_instance_ = nullptr;
  std::vector<HostCallee> callees_;
  std::vector<UserAddr> thunk_pages_;
  std::vector<std::unique_ptr<Instance>> instances_;
  std::unordered_map<uint64_t, Instance*> by_vm_context_;
  std::vector<std::unique_ptr<Memory>> memories_;
  std::vector<std::unique_ptr<Table>> tables_;
  std::vector<std::unique_ptr<Global>> globals_;
  std::unordered_map<const CompiledProgram*, std::unique_ptr<ModuleCode>> codes_;
  std::vector<const ModuleCode*> code_map_;  // those with code, ascending by address
  std::vector<Range> ranges_;
  UserAddr definition_page_;  // where allocate_definition takes from
  uint64_t definition_page_used_ = 0;
};

}  // namespace nacre::runtime
