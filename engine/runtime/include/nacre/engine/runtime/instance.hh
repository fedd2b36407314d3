// A module instance: the books of one VmContext. Lives as long as its Store, also if its start or
// its active segments trapped, since other instances may already hold its functions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "nacre/base/core/address.hh"
#include "nacre/engine/runtime/objects.hh"
#include "nacre/engine/runtime/program.hh"

namespace nacre::runtime {

class Store;

// A function as the embedder holds it. For a host function that no instance has imported yet,
// vm_context is null: it can be imported, but not invoked.
struct Function {
  UserAddr entry;
  UserAddr vm_context;
  uint32_t type_id = 0;  // of the store's TypeRegistry
};

// What an import takes and an export gives.
using Extern = std::variant<Function, Table*, Memory*, Global*>;

// "function", "table", "memory", "global".
[[nodiscard]] std::string_view kind_name(const Extern& value);

// The code of a program in one store's address space, shared by its instances there.
struct ModuleCode {
  std::shared_ptr<const CompiledProgram> program;
  UserAddr address;       // null if the module defines no function
  UserAddr passive_data;  // the bytes of all passive data segments, one after the other; null if
                          // there are none
  std::string name;       // for backtraces: given by the embedder or the name section
};

class Instance {
 public:
  Instance(Store& store, uint32_t id, const ModuleCode& code, UserAddr vm_context)
      : store_(store), code_(code), vm_context_(vm_context), id_(id) {}
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  [[nodiscard]] uint32_t id() const { return id_; }
  [[nodiscard]] Store& store() const { return store_; }
  [[nodiscard]] const wasm::Module& module() const { return code_.program->module(); }
  [[nodiscard]] const CompiledProgram& program() const { return *code_.program; }
  [[nodiscard]] const ModuleCode& code() const { return code_; }
  [[nodiscard]] UserAddr vm_context() const { return vm_context_; }
  [[nodiscard]] UserAddr memory0_base() const {
    return memories_.empty() ? UserAddr() : memories_[0]->base();
  }

  // By index space, imports first; nullptr beyond the end.
  [[nodiscard]] Memory* memory(uint64_t index) const {
    return index < memories_.size() ? memories_[index] : nullptr;
  }
  [[nodiscard]] Table* table(uint64_t index) const {
    return index < tables_.size() ? tables_[index] : nullptr;
  }
  [[nodiscard]] Global* global(uint64_t index) const {
    return index < globals_.size() ? globals_[index] : nullptr;
  }
  [[nodiscard]] Function function(uint32_t index) const;
  // Address of the abi::FuncRef of a function: the value of ref.func.
  [[nodiscard]] UserAddr func_ref(uint32_t index) const;

  [[nodiscard]] std::optional<Extern> find_export(std::string_view name) const;
  // nullptr / nullopt if there is no such export of that kind.
  [[nodiscard]] std::optional<Function> exported_function(std::string_view name) const;
  [[nodiscard]] Memory* exported_memory(std::string_view name) const;
  [[nodiscard]] Global* exported_global(std::string_view name) const;
  [[nodiscard]] Table* exported_table(std::string_view name) const;
  // The start function, which the embedder invokes once after instantiation.
  [[nodiscard]] std::optional<Function> start_function() const;

 private:
  friend class Instantiator;

  Store& store_;
  const ModuleCode& code_;
  UserAddr vm_context_;
  uint32_t id_;
  std::vector<Function> imported_functions_;
  std::vector<Memory*> memories_;
  std::vector<Table*> tables_;
  std::vector<Global*> globals_;
};

}  // namespace nacre::runtime
