#include "constant_pool.hh"

#include <algorithm>

namespace nacre::baseline {
namespace {

// How far back to look for an equal constant; keeps a function of nothing but constants linear.
constexpr size_t kSearch = 16;

}  // namespace

void ConstantPool::load(riscv64::MacroAssembler& masm, uint32_t load, Reg to, uint64_t bits) {
  size_t index = constants_.size();
  const size_t oldest = index - std::min(index, kSearch);
  for (size_t i = index; i-- > oldest;) {
    if (constants_[i] == bits) {
      index = i;
      break;
    }
  }
  if (index == constants_.size()) constants_.push_back(bits);
  uses_.push_back({masm.position(), static_cast<uint32_t>(index)});
  masm.auipc(riscv64::kScratch, 0);
  masm.emit_load(load, gpr(static_cast<Reg>(to & 31)), 0, riscv64::kScratch);
}

void ConstantPool::finish(riscv64::MacroAssembler& masm) {
  if (constants_.empty()) return;
  if (masm.position() % 8 != 0) masm.emit(0);
  const uint32_t base = masm.position();
  for (const uint64_t bits : constants_) {
    masm.emit(static_cast<uint32_t>(bits));
    masm.emit(static_cast<uint32_t>(bits >> 32));
  }
  for (const Use& use : uses_) {
    const uint32_t distance = base + 8 * use.index - use.offset;
    const uint32_t high = (distance + 0x800) >> 12;
    masm.code().patch32(use.offset, masm.code().read32(use.offset) | riscv64::encode::imm_u(high));
    masm.code().patch32(use.offset + 4,
                        masm.code().read32(use.offset + 4) |
                            riscv64::encode::imm_i(static_cast<int32_t>(distance & 0xfff)));
  }
}

}  // namespace nacre::baseline
