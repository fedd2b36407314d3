#include "thunk.hh"

#include <cstddef>
#include <cstring>

#include "nacre/abi/vm_context.hh"
#include "nacre/engine/isa/riscv64/assembler.hh"

namespace nacre::runtime {

std::vector<uint8_t> make_thunks(uint64_t first_number, uint64_t count) {
  namespace word = riscv64::word;
  using riscv64::Gpr;
  std::vector<uint8_t> code(kThunkSize * count);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t number = first_number + i;
    // lui takes the upper 20 bits, rounded so that the signed 12 bits of addi reach the rest.
    const auto low =
        static_cast<int32_t>(number << 52 >> 52) - ((number & 0x800) != 0 ? 0x1000 : 0);
    const auto high = static_cast<uint32_t>((number - static_cast<uint64_t>(int64_t{low})) >> 12);
    const uint32_t words[] = {
        word::lui(Gpr::T0, high),
        word::addi(Gpr::T0, Gpr::T0, low),
        word::ld(Gpr::T1, offsetof(abi::VmContext, host_call), Gpr::S10),
        word::jalr(Gpr::Zero, 0, Gpr::T1),
    };
    static_assert(sizeof(words) == kThunkSize);
    std::memcpy(code.data() + i * kThunkSize, words, sizeof(words));
  }
  return code;
}

}  // namespace nacre::runtime
