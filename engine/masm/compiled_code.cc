#include "nacre/engine/masm/compiled_code.hh"

#include <algorithm>

namespace nacre::masm {

const TrapSite* CompiledModule::find_trap_site(uint32_t code_offset) const {
  const auto site = std::ranges::lower_bound(trap_sites, code_offset, {}, &TrapSite::code_offset);
  if (site == trap_sites.end() || site->code_offset != code_offset) return nullptr;
  return &*site;
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
