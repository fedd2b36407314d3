#include "thunk.hh"

#include <cstddef>
#include <cstring>

#include "nacre/abi/vm_context.hh"
#include "nacre/engine/isa/riscv64/assembler.hh"

namespace nacre::runtime {

std::vector<uint8_t> make_thunks(uint64_t first_number, uint64_t count) {
  namespace word = riscv64::word;
  using riscv64::Gpr;
  const uint32_t load_gate = word::ld(Gpr::T1, offsetof(abi::VmContext, host_call), Gpr::S10);
  const uint32_t jump = word::jalr(Gpr::Zero, 0, Gpr::T1);
  std::vector<uint8_t> code(kThunkSize * count);
  for (uint64_t i = 0; i < count; ++i) {
    const riscv64::encode::HighLow number =
        riscv64::encode::split32(static_cast<int32_t>(first_number + i));
    const uint32_t words[] = {word::lui(Gpr::T0, number.high),
                              word::addi(Gpr::T0, Gpr::T0, number.low), load_gate, jump};
    static_assert(sizeof(words) == kThunkSize);
    std::memcpy(code.data() + i * kThunkSize, words, sizeof(words));
  }
  return code;
}

}  // namespace nacre::runtime
