#include "nacre/engine/wasm/vm_layout.hh"

namespace nacre::wasm {

VmLayout::VmLayout(const Module& module) {
  const auto count = [](const auto& vector) { return static_cast<uint32_t>(vector.size()); };
  uint32_t next = sizeof(abi::VmContext);
  const auto place = [&next](uint32_t entries, uint32_t entry_size) {
    const uint32_t start = next;
    next += entries * entry_size;  // the decoder's limits keep this below 2^32
    return start;
  };
  globals_ = place(count(module.globals), 8);
  memories_ = place(count(module.memories), sizeof(abi::MemoryDefinition));
  tables_ = place(count(module.tables), sizeof(abi::TableDefinition));
  imports_ = place(module.imported_functions, sizeof(abi::ImportedFunction));
  data_ = place(count(module.data), sizeof(abi::SegmentDefinition));
  elements_ = place(count(module.elements), sizeof(abi::SegmentDefinition));
  func_refs_ = place(count(module.functions), sizeof(abi::FuncRef));
  size_ = next;
}

}  // namespace nacre::wasm
