#include "nacre/kernel/arch/stack_switch.hh"

#include "nacre/base/core/panic.hh"

namespace nacre::arch {
namespace {

// What nacre_switch_stack pushes: ra, s0 to s11, and one word to keep the alignment (psABI, integer calling convention).
struct SavedRegisters {
  uint64_t ra;
  uint64_t s[12];
  uint64_t unused;
};
static_assert(sizeof(SavedRegisters) == 112);

extern "C" void nacre_switch_stack(uint64_t* save, uint64_t load);
extern "C" void nacre_flow_start();

}  // namespace

SuspendedFlow make_flow(VirtAddr top, void (*entry)(void*), void* argument) noexcept {
  ASSERT(top.value() % 16 == 0);
  const uint64_t sp = top.value() - sizeof(SavedRegisters);
  // SAFETY: the caller vouches for a mapped stack below `top` that nobody else uses.
  auto* saved = reinterpret_cast<SavedRegisters*>(sp);
  *saved = {};
  // SAFETY: addresses only, for nacre_flow_start, which calls s1 with s0.
  saved->ra = reinterpret_cast<uint64_t>(&nacre_flow_start);
  saved->s[0] = reinterpret_cast<uint64_t>(argument);
  saved->s[1] = reinterpret_cast<uint64_t>(entry);
  return {sp};
}

void switch_flow(SuspendedFlow& from, const SuspendedFlow& to) noexcept {
  nacre_switch_stack(&from.stack_pointer, to.stack_pointer);
}

}  // namespace nacre::arch
