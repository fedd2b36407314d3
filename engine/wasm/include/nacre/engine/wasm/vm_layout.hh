// Where things lie in a module's VmContext, behind the fixed header of abi/vm_context.hh. The code
// generator and the runtime both take offsets from here and nowhere else. All offsets are in bytes
// from the VmContext's address.
#pragma once

#include <cstdint>

#include "nacre/abi/vm_context.hh"
#include "nacre/engine/wasm/module.hh"

namespace nacre::wasm {

class VmLayout {
 public:
  explicit VmLayout(const Module& module);

  // Hot things first, so that their offsets fit a 12-bit displacement: global values, then
  // memories, tables, imported functions, segments, function references.
  //
  // A defined global's 8-byte value (i32 sign-extended, floats as bits, references as pointers),
  // or, for an imported one, the address of the exporter's value.
  [[nodiscard]] uint32_t global(uint32_t index) const { return globals_ + 8 * index; }
  // abi::MemoryDefinition of a defined memory; for an imported one, the address of the exporter's
  // definition in the first 8 bytes.
  [[nodiscard]] uint32_t memory(uint32_t index) const { return memories_ + 16 * index; }
  // Likewise abi::TableDefinition.
  [[nodiscard]] uint32_t table(uint32_t index) const { return tables_ + 24 * index; }
  // abi::ImportedFunction, index < imported_functions.
  [[nodiscard]] uint32_t imported_function(uint32_t index) const { return imports_ + 16 * index; }
  // abi::SegmentDefinition.
  [[nodiscard]] uint32_t data_segment(uint32_t index) const { return data_ + 16 * index; }
  [[nodiscard]] uint32_t element_segment(uint32_t index) const { return elements_ + 16 * index; }
  // abi::FuncRef, for every function of the index space (imports too).
  [[nodiscard]] uint32_t func_ref(uint32_t function) const { return func_refs_ + 24 * function; }
  [[nodiscard]] uint32_t size() const { return size_; }

 private:
  uint32_t globals_;
  uint32_t memories_;
  uint32_t tables_;
  uint32_t imports_;
  uint32_t data_;
  uint32_t elements_;
  uint32_t func_refs_;
  uint32_t size_;
};

}  // namespace nacre::wasm
