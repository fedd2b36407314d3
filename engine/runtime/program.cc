#include "nacre/engine/runtime/program.hh"

#include <utility>

#include "nacre/base/core/panic.hh"
#include "nacre/engine/baseline/compiler.hh"

namespace nacre::runtime {
namespace {

Result<masm::CompiledModule> compile_code(const wasm::Module& module, TypeRegistry& types,
                                          const CompileSettings& settings) {
  const std::vector<uint32_t> type_ids = types.intern_all(module.types);
  return baseline::compile_module(module, {.has_zba = settings.has_zba,
                                           .has_zbb = settings.has_zbb,
                                           .has_zbs = settings.has_zbs,
                                           .type_ids = type_ids,
                                           .on_progress = settings.on_progress});
}

}  // namespace

CompiledProgram::CompiledProgram(wasm::Module module, masm::CompiledModule code,
                                 TypeRegistry& types, std::vector<uint8_t> owned_bytes)
    : owned_bytes_(std::move(owned_bytes)),
      module_(std::move(module)),
      code_(std::move(code)),
      layout_(module_),
      types_(types),
      type_ids_(types.intern_all(module_.types)) {
  ASSERT(code_.functions.size() + module_.imported_functions == module_.functions.size());
}

Result<std::shared_ptr<const CompiledProgram>> CompiledProgram::compile(
    std::vector<uint8_t> bytes, TypeRegistry& types, const CompileSettings& settings) {
  // Moving a vector keeps its elements where they are, so the views stay valid.
  TRY_ASSIGN(wasm::Module module, wasm::decode_module(bytes));
  TRY_ASSIGN(masm::CompiledModule code, compile_code(module, types, settings));
  return std::make_shared<const CompiledProgram>(std::move(module), std::move(code), types,
                                                 std::move(bytes));
}

Result<std::shared_ptr<const CompiledProgram>> CompiledProgram::compile_view(
    std::span<const uint8_t> bytes, TypeRegistry& types, const CompileSettings& settings) {
  TRY_ASSIGN(wasm::Module module, wasm::decode_module(bytes));
  TRY_ASSIGN(masm::CompiledModule code, compile_code(module, types, settings));
  return std::make_shared<const CompiledProgram>(std::move(module), std::move(code), types);
}

}  // namespace nacre::runtime
