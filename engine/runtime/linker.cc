#include "nacre/engine/runtime/linker.hh"

#include "nacre/base/core/format.hh"

namespace nacre::runtime {
namespace {

// What the module expects, for the error text.
std::string describe(const wasm::Module& module, const wasm::Import& import) {
  switch (import.kind) {
    case wasm::ExternKind::Function:
      return format("function {}", to_string(module.type_of_function(import.index)));
    case wasm::ExternKind::Table:
      return "table";
    case wasm::ExternKind::Memory:
      return "memory";
    case wasm::ExternKind::Global:
      return "global";
  }
  return "";
}

}  // namespace

void Linker::define(std::string_view module, std::string_view name, Extern value) {
  entries_.insert_or_assign(std::pair(std::string(module), std::string(name)), value);
}

void Linker::define_instance(std::string_view module, const Instance& instance) {
  for (const wasm::Export& e : instance.module().exports)
    define(module, e.name, *instance.find_export(e.name));
}

Result<void> Linker::define_host_function(Store& store, const HostFunction& function) {
  TRY_ASSIGN(const Function created, store.create_host_function(function));
  define(function.module, function.name, created);
  return {};
}

void Linker::define_host_functions(Store& store, std::span<const HostFunction> functions) {
  providers_.push_back({&store, functions});
}

Result<const Extern*> Linker::find(std::string_view module, std::string_view name) {
  if (const auto it = entries_.find(std::pair(module, name)); it != entries_.end())
    return &it->second;
  for (const Provider& provider : providers_) {
    for (const HostFunction& function : provider.functions) {
      if (function.name != name || function.module != module) continue;
      TRY(define_host_function(*provider.store, function));
      return &entries_.find(std::pair(module, name))->second;
    }
  }
  return nullptr;
}

Result<std::vector<Extern>> Linker::resolve(const wasm::Module& module) {
  std::vector<Extern> externs;
  externs.reserve(module.imports.size());
  for (const wasm::Import& import : module.imports) {
    TRY_ASSIGN(const Extern* found, find(import.module, import.name));
    if (found == nullptr) {
      return fail(ErrorCode::Unlinkable, format("unknown import: {}.{} ({})", import.module,
                                                import.name, describe(module, import)));
    }
    externs.push_back(*found);
  }
  return externs;
}

Result<Instantiation> Linker::instantiate(Store& store, const ModuleCode& code) {
  TRY_ASSIGN(const std::vector<Extern> imports, resolve(code.program->module()));
  return store.instantiate(code, imports);
}

}  // namespace nacre::runtime
