// A module ready to be instantiated: decoded, validated and compiled, not tied to any domain.
// Immutable and shared.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "nacre/base/core/error.hh"
#include "nacre/base/core/pause_point.hh"
#include "nacre/engine/masm/compiled_code.hh"
#include "nacre/engine/runtime/type_registry.hh"
#include "nacre/engine/wasm/module.hh"
#include "nacre/engine/wasm/vm_layout.hh"

namespace nacre::runtime {

struct CompileSettings {
  // Extensions of the machine that will run the code.
  bool has_zba = true;
  bool has_zbb = true;
  bool has_zbs = true;
  // See baseline::CompileOptions::on_progress.
  std::function<void(uint64_t done_bytes)> on_progress;
  PausePoint pauses;
};

class CompiledProgram {
 public:
  // Decodes, validates and compiles. The first form keeps the bytes; for the second they must
  // outlive the program. Errors carry the module's byte offset.
  static Result<std::shared_ptr<const CompiledProgram>> compile(
      std::vector<uint8_t> bytes, TypeRegistry& types, const CompileSettings& settings = {});
  static Result<std::shared_ptr<const CompiledProgram>> compile_view(
      std::span<const uint8_t> bytes, TypeRegistry& types, const CompileSettings& settings = {});
  // From parts that were made elsewhere. `code.functions` has one entry per defined function.
  CompiledProgram(wasm::Module module, masm::CompiledModule code, TypeRegistry& types,
                  std::vector<uint8_t> owned_bytes = {}, PausePoint pauses = {});
  CompiledProgram(const CompiledProgram&) = delete;
  CompiledProgram& operator=(const CompiledProgram&) = delete;

  [[nodiscard]] const wasm::Module& module() const { return module_; }
  [[nodiscard]] const masm::CompiledModule& code() const { return code_; }
  [[nodiscard]] const wasm::VmLayout& layout() const { return layout_; }
  [[nodiscard]] TypeRegistry& types() const { return types_; }
  // Canonical id of Module::types[index].
  [[nodiscard]] uint32_t type_id(uint32_t type_index) const { return type_ids_[type_index]; }
  [[nodiscard]] uint32_t function_type_id(uint32_t function) const {
    return type_ids_[module_.functions[function].type_index];
  }

 private:
  std::vector<uint8_t> owned_bytes_;  // what module_ views, unless the caller keeps it
  wasm::Module module_;
  masm::CompiledModule code_;
  wasm::VmLayout layout_;
  TypeRegistry& types_;
  std::vector<uint32_t> type_ids_;
};

}  // namespace nacre::runtime
