#include "nacre/kernel/arch/translation.hh"

#include <bit>

#include "nacre/kernel/arch/machine.hh"
#include "nacre/kernel/arch/riscv64/csr.hh"
#include "nacre/kernel/arch/riscv64/sbi.hh"

// SAFETY: fences only forget; a satp value comes from an address space that shares the kernel's
// half, so the code that follows the switch is mapped as before.
namespace nacre::arch {
namespace {

// Beyond this a flush of the whole space is cheaper than one by page.
constexpr uint64_t kMaxSinglePages = 64;

// Svinval 1.0: the order of many invalidations is established once instead of with each. The instructions are spelt as
// .insn, since the kernel is not built for machines that have them only.
void invalidate_range(uint16_t asid, uint64_t page, uint64_t end) {
  asm volatile(".insn r 0x73, 0, 0x0c, x0, x0, x0" ::: "memory");  // sfence.w.inval
  for (; page < end; page += kPageSize) {
    // sinval.vma page, asid
    asm volatile(".insn r 0x73, 0, 0x0b, x0, %0, %1" : : "r"(page), "r"(uint64_t{asid}) : "memory");
  }
  asm volatile(".insn r 0x73, 0, 0x0c, x0, x0, x1" ::: "memory");  // sfence.inval.ir
}

// The firmware takes 64 hart ids at a time, from a base on: calls send(mask, base) until every CPU was in one.
template <class F>
void for_each_hart_group(CpuMask cpus, F&& send) {
  while (cpus != 0) {
    const uint64_t base = hart_of(CpuId{static_cast<uint32_t>(std::countr_zero(cpus))}).value;
    uint64_t mask = 0;
    for (CpuMask left = cpus; left != 0; left &= left - 1) {
      const CpuId cpu{static_cast<uint32_t>(std::countr_zero(left))};
      const uint64_t distance = hart_of(cpu).value - base;  // huge below the base
      if (distance >= 64) continue;
      mask |= uint64_t{1} << distance;
      cpus &= ~mask_of(cpu);
    }
    send(mask, base);
  }
}

constexpr uint64_t kEverything = ~uint64_t{0};

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
  if (cpu_features().svinval) {
    invalidate_range(asid, start.value() & ~(kPageSize - 1), end);
    return;
  }
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

// The specification lets no call of RFENCE fail for harts that have started (chapter 8).
void remote_flush_range(CpuMask cpus, uint16_t asid, UserAddr start, ByteSize size) {
  if (size.pages_up() > kMaxSinglePages) return remote_flush_space(cpus, asid);
  for_each_hart_group(cpus, [&](uint64_t mask, uint64_t base) {
    riscv64::sbi_remote_sfence_vma_asid(mask, base, start.value(), size.bytes(), asid);
  });
}

void remote_flush_space(CpuMask cpus, uint16_t asid) {
  for_each_hart_group(cpus, [&](uint64_t mask, uint64_t base) {
    riscv64::sbi_remote_sfence_vma_asid(mask, base, 0, kEverything, asid);
  });
}

void remote_flush_kernel_range(CpuMask cpus, VirtAddr start, ByteSize size) {
  for_each_hart_group(cpus, [&](uint64_t mask, uint64_t base) {
    riscv64::sbi_remote_sfence_vma(mask, base, start.value(), size.bytes());
  });
}

void remote_synchronise_instructions(CpuMask cpus) {
  // What was written is visible to the others before they are asked to look.
  asm volatile("fence rw, rw" ::: "memory");
  for_each_hart_group(
      cpus, [&](uint64_t mask, uint64_t base) { riscv64::sbi_remote_fence_i(mask, base); });
}

}  // namespace nacre::arch
