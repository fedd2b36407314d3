// From an address to "function + offset", over the symbol table of an ELF file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace nacre::elf {

struct FoundSymbol {
  std::string_view name;  // as in the file, mangled
  uint64_t offset;        // of the address from the start of the function
  uint64_t size;          // of the function; 0 if the table does not say
};

// Borrows both spans: Elf64_Sym entries in any order, and their names. Malformed entries are passed
// over.
class SymbolTable {
 public:
  SymbolTable() = default;
  SymbolTable(std::span<const std::byte> symbols, std::span<const std::byte> strings)
      : symbols_(symbols), strings_(strings) {}

  // The function that `address` (as linked) lies in, or that begins last before it without a size
  // of its own. Linear in the table: for reports, not for hot paths.
  [[nodiscard]] std::optional<FoundSymbol> find(uint64_t address) const;
  [[nodiscard]] bool is_empty() const { return symbols_.empty(); }

 private:
  [[nodiscard]] std::string_view name_at(uint32_t offset) const;

  std::span<const std::byte> symbols_;
  std::span<const std::byte> strings_;
};

}  // namespace nacre::elf
