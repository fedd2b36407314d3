// From a module's bytes to a program. Apart from program.cc, so that what only holds programs needs no compiler.

#include <utility>

#include "nacre/engine/baseline/compiler.hh"
#include "nacre/engine/runtime/program.hh"

namespace nacre::runtime {
namespace {

Result<masm::CompiledModule> compile_code(const wasm::Module& module, TypeRegistry& types,
                                          const CompileSettings& settings) {
  const std::vector<uint32_t> type_ids = types.intern_all(module.types, settings.pauses);
  return baseline::compile_module(module, {.has_zba = settings.has_zba,
                                           .has_zbb = settings.has_zbb,
                                           .has_zbs = settings.has_zbs,
                                           .type_ids = type_ids,
                                           .on_progress = settings.on_progress,
                                           .pauses = settings.pauses});
}

}  // namespace

Result<std::shared_ptr<const CompiledProgram>> CompiledProgram::compile(
    std::vector<uint8_t> bytes, TypeRegistry& types, const CompileSettings& settings) {
  // Moving a vector keeps its elements where they are, so the views stay valid.
  TRY_ASSIGN(wasm::Module module, wasm::decode_module(bytes, settings.pauses));
  TRY_ASSIGN(masm::CompiledModule code, compile_code(module, types, settings));
  return std::make_shared<const CompiledProgram>(std::move(module), std::move(code), types,
                                                 std::move(bytes), settings.pauses);
}

Result<std::shared_ptr<const CompiledProgram>> CompiledProgram::compile_view(
    std::span<const uint8_t> bytes, TypeRegistry& types, const CompileSettings& settings) {
  TRY_ASSIGN(wasm::Module module, wasm::decode_module(bytes, settings.pauses));
  TRY_ASSIGN(masm::CompiledModule code, compile_code(module, types, settings));
  return std::make_shared<const CompiledProgram>(std::move(module), std::move(code), types,
                                                 std::vector<uint8_t>(), settings.pauses);
}

}  // namespace nacre::runtime
