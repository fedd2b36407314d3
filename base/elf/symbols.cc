#include "nacre/base/elf/symbols.hh"

#include <cstring>

#include "nacre/base/elf/format.hh"

namespace nacre::elf {

std::string_view SymbolTable::name_at(uint32_t offset) const {
  if (offset >= strings_.size()) return {};
  const void* const start = strings_.data() + offset;
  const std::string_view rest(static_cast<const char*>(start), strings_.size() - offset);
  const size_t end = rest.find('\0');
  return end == std::string_view::npos ? std::string_view() : rest.substr(0, end);
}

std::optional<FoundSymbol> SymbolTable::find(uint64_t address) const {
  std::optional<FoundSymbol> best;
  for (size_t at = 0; at + sizeof(Symbol) <= symbols_.size(); at += sizeof(Symbol)) {
    Symbol symbol;
    std::memcpy(&symbol, symbols_.data() + at, sizeof symbol);
    if ((symbol.info & 0xf) != kSymbolFunction || symbol.section == 0) continue;
    if (symbol.value > address) continue;
    const uint64_t offset = address - symbol.value;
    if (symbol.size != 0 && offset >= symbol.size) continue;
    if (best && best->offset <= offset) continue;
    const std::string_view name = name_at(symbol.name);
    if (!name.empty()) best = FoundSymbol{name, offset, symbol.size};
  }
  return best;
}

}  // namespace nacre::elf
