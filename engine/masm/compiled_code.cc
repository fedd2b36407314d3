#include "nacre/engine/masm/compiled_code.hh"

#include <algorithm>

namespace nacre::masm {

const TrapSite* CompiledModule::find_trap_site(uint32_t code_offset) const {
  // The call was emitted first, so its site comes first.
  const auto after = std::ranges::upper_bound(trap_sites, code_offset, {}, &TrapSite::code_offset);
  if (after == trap_sites.begin() || (after - 1)->code_offset != code_offset) return nullptr;
  return &*(after - 1);
}

const TrapSite* CompiledModule::find_call_site(uint32_t return_offset) const {
  const auto site = std::ranges::lower_bound(trap_sites, return_offset, {}, &TrapSite::code_offset);
  if (site == trap_sites.end() || site->code_offset != return_offset) return nullptr;
  return static_cast<abi::TrapKind>(site->kind) == abi::TrapKind::None ? &*site : nullptr;
}

int64_t CompiledModule::find_function(uint32_t code_offset) const {
  // The last function that begins at or before the offset, if it reaches that far.
  const auto after =
      std::ranges::upper_bound(functions, code_offset, {}, &CompiledFunction::code_offset);
  if (after == functions.begin()) return -1;
  const auto function = after - 1;
  if (code_offset - function->code_offset >= function->code_size) return -1;
  return function - functions.begin();
}

}  // namespace nacre::masm
