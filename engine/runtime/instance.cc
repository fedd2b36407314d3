#include "nacre/engine/runtime/instance.hh"

namespace nacre::runtime {

std::string_view kind_name(const Extern& value) {
  constexpr std::string_view kNames[] = {"function", "table", "memory", "global"};
  return kNames[value.index()];
}

Function Instance::function(uint32_t index) const {
  ASSERT(index < module().functions.size());
  const uint32_t imported = module().imported_functions;
  if (index < imported) return imported_functions_[index];
  const masm::CompiledFunction& code = program().code().functions[index - imported];
  return {.entry = code_.address + ByteSize(code.code_offset),
          .vm_context = vm_context_,
          .type_id = program().function_type_id(index)};
}

UserAddr Instance::func_ref(uint32_t index) const {
  ASSERT(index < module().functions.size());
  return vm_context_ + ByteSize(program().layout().func_ref(index));
}

std::optional<Extern> Instance::find_export(std::string_view name) const {
  for (const wasm::Export& e : module().exports) {
    if (e.name != name) continue;
    switch (e.kind) {
      case wasm::ExternKind::Function:
        return function(e.index);
      case wasm::ExternKind::Table:
        return tables_[e.index];
      case wasm::ExternKind::Memory:
        return memories_[e.index];
      case wasm::ExternKind::Global:
        return globals_[e.index];
    }
  }
  return std::nullopt;
}

std::optional<Function> Instance::exported_function(std::string_view name) const {
  const std::optional<Extern> found = find_export(name);
  if (!found || !std::holds_alternative<Function>(*found)) return std::nullopt;
  return std::get<Function>(*found);
}

namespace {

template <class T>
T* object_named(const Instance& instance, std::string_view name) {
  const std::optional<Extern> found = instance.find_export(name);
  if (!found || !std::holds_alternative<T*>(*found)) return nullptr;
  return std::get<T*>(*found);
}

}  // namespace

Memory* Instance::exported_memory(std::string_view name) const {
  return object_named<Memory>(*this, name);
}
Global* Instance::exported_global(std::string_view name) const {
  return object_named<Global>(*this, name);
}
Table* Instance::exported_table(std::string_view name) const {
  return object_named<Table>(*this, name);
}

std::optional<Function> Instance::start_function() const {
  if (!module().start) return std::nullopt;
  return function(*module().start);
}

}  // namespace nacre::runtime
