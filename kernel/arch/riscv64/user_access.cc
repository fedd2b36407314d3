// Copies with a landing place for faults: each copying instruction has an entry in the section
// nacre_fixups.
#include "nacre/kernel/arch/user_access.hh"

#include "nacre/kernel/arch/riscv64/csr.hh"

namespace nacre::arch {
namespace {

// Both relative to the address of the entry's first word.
struct Fixup {
  int32_t instruction;
  int32_t landing;
};

extern "C" const Fixup nacre_fixups_start[];
extern "C" const Fixup nacre_fixups_end[];

}  // namespace

// user_copy.S. Returns 0, or non-zero after a fault.
extern "C" uint64_t nacre_copy_guarded(void* to, const void* from, size_t size);

uint64_t find_fixup(uint64_t pc) {
  for (const Fixup* entry = nacre_fixups_start; entry != nacre_fixups_end; ++entry) {
    // SAFETY: only computed with.
    const uint64_t base = reinterpret_cast<uint64_t>(entry);
    if (base + static_cast<uint64_t>(int64_t{entry->instruction}) == pc) {
      return base + static_cast<uint64_t>(int64_t{entry->landing});
    }
  }
  return 0;
}

namespace {

// Whether [address, address + size) lies in the lower half: of any width, the sign bit tells.
bool is_lower_half(UserAddr address, size_t size) {
  const auto end = address.checked_add(ByteSize(size));
  return end && static_cast<int64_t>(end->value()) >= 0;
}

bool copy(void* to, const void* from, size_t size) {
  NACRE_CSR_SET("sstatus", riscv64::kStatusSum);
  const bool ok = nacre_copy_guarded(to, from, size) == 0;
  NACRE_CSR_CLEAR("sstatus", riscv64::kStatusSum);
  return ok;
}

}  // namespace

bool copy_from_user(void* to, UserAddr from, size_t size) {
  if (!is_lower_half(from, size)) return false;
  // SAFETY: the range is in the user's half, and a fault in it is survived.
  return copy(to, reinterpret_cast<const void*>(from.value()), size);
}

bool peek(void* to, VirtAddr from, size_t size) {
  // SAFETY: only reads, and a fault is survived.
  return nacre_copy_guarded(to, reinterpret_cast<const void*>(from.value()), size) == 0;
}

bool copy_to_user(UserAddr to, const void* from, size_t size) {
  if (!is_lower_half(to, size)) return false;
  // SAFETY: the range is in the user's half, and a fault in it is survived.
  return copy(reinterpret_cast<void*>(to.value()), from, size);
}

}  // namespace nacre::arch
