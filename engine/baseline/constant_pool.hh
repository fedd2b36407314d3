// Constants too long for immediates: stored behind the function's code and loaded pc-relative (auipc and a load).
#pragma once

#include <cstdint>
#include <vector>

#include "nacre/engine/isa/riscv64/macro_assembler.hh"
#include "registers.hh"

namespace nacre::baseline {

class ConstantPool {
 public:
  void clear() {
    constants_.clear();
    uses_.clear();
  }
  // Emits the two instructions; the last one writes `to`, of the file that `load` (op::ld, op::fld, op::flw) writes.
  void load(riscv64::MacroAssembler& masm, uint32_t load, Reg to, uint64_t bits);
  // Emits the constants and completes the loads.
  void finish(riscv64::MacroAssembler& masm);

 private:
  struct Use {
    uint32_t offset;  // of the auipc
    uint32_t index;
  };
  std::vector<uint64_t> constants_;
  std::vector<Use> uses_;
};

}  // namespace nacre::baseline
