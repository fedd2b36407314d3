#include "nacre/engine/runtime/program.hh"

#include <utility>

#include "nacre/base/core/panic.hh"

namespace nacre::runtime {

CompiledProgram::CompiledProgram(wasm::Module module, masm::CompiledModule code,
                                 TypeRegistry& types, std::vector<uint8_t> owned_bytes,
                                 PausePoint pauses)
    : owned_bytes_(std::move(owned_bytes)),
      module_(std::move(module)),
      code_(std::move(code)),
      layout_(module_),
      types_(types),
      type_ids_(types.intern_all(module_.types, pauses)) {
  ASSERT(code_.functions.size() + module_.imported_functions == module_.functions.size());
}

}  // namespace nacre::runtime
