// Assembly text of an instruction word, for debugging and for tests. Knows what the encoder knows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "nacre/engine/isa/riscv64/instructions.hh"
#include "nacre/engine/isa/riscv64/registers.hh"

namespace nacre::riscv64 {

[[nodiscard]] std::string_view name_of(Gpr r);
[[nodiscard]] std::string_view name_of(Fpr r);
[[nodiscard]] std::string_view name_of(Rounding mode);
[[nodiscard]] std::string_view name_of(Csr csr);

// The table row that `word` is an instance of, or nullptr.
[[nodiscard]] const Instruction* find_instruction(uint32_t word);

// "addi\ta0, a1, -4"; distances of branches as numbers; ".word 0x…" for what the table does not have.
[[nodiscard]] std::string print(uint32_t word);

}  // namespace nacre::riscv64
