#include "nacre/kernel/arch/translation.hh"

#include "nacre/kernel/arch/riscv64/csr.hh"

// SAFETY: fences only forget; a satp value comes from an address space that shares the kernel's
// half, so the code that follows the switch is mapped as before.
namespace nacre::arch {
namespace {

// Beyond this a flush of the whole space is cheaper than one by page.
constexpr uint64_t kMaxSinglePages = 64;

constexpr uint64_t kAsidShift = 44;
constexpr uint64_t kAsidMask = uint64_t{0xffff} << kAsidShift;

}  // namespace

void switch_address_space(uint64_t satp) {
  NACRE_CSR_WRITE("satp", satp);
}
uint64_t current_address_space() {
  return NACRE_CSR_READ("satp");
}

unsigned probe_asid_bits() {
  const uint64_t before = current_address_space();
  switch_address_space(before | kAsidMask);
  const uint64_t kept = current_address_space() & kAsidMask;
  switch_address_space(before);
  flush_everything();
  return static_cast<unsigned>(__builtin_popcountll(kept));
}

void flush_range(uint16_t asid, UserAddr start, ByteSize size) {
  if (size.pages_up() > kMaxSinglePages) {
    flush_space(asid);
    return;
  }
  const uint64_t end = start.value() + size.bytes();
  for (uint64_t page = start.value() & ~(kPageSize - 1); page < end; page += kPageSize) {
    asm volatile("sfence.vma %0, %1" : : "r"(page), "r"(uint64_t{asid}) : "memory");
  }
}

void flush_space(uint16_t asid) {
  asm volatile("sfence.vma zero, %0" : : "r"(uint64_t{asid}) : "memory");
}

void flush_kernel_range(VirtAddr start, ByteSize size) {
  if (size.pages_up() > kMaxSinglePages) {
    flush_everything();
    return;
  }
  for (uint64_t i = 0; i < size.pages_up(); ++i) {
    asm volatile("sfence.vma %0, zero" : : "r"(start.value() + i * kPageSize) : "memory");
  }
}

void flush_everything() {
  asm volatile("sfence.vma" ::: "memory");
}

void synchronise_instructions() {
  asm volatile("fence.i" ::: "memory");
}

}  // namespace nacre::arch
