// Address translation and instruction visibility: of the current CPU, and (remote_…) of others.
#pragma once

#include <cstdint>

#include "nacre/base/core/address.hh"
#include "nacre/kernel/arch/cpus.hh"

namespace nacre::arch {

// `satp` as paging::make_satp() builds it. The caller fences if the ASID was used for something
// else before.
void switch_address_space(uint64_t satp);
[[nodiscard]] uint64_t current_address_space();

// Width of the ASID field that this CPU implements, 0 to 16. Probed by writing satp; call it before
// user mode is used.
[[nodiscard]] unsigned probe_asid_bits();

// Leaf translations of [start, start + size) of one address space; beyond a limit everything of the
// space goes.
void flush_range(uint16_t asid, UserAddr start, ByteSize size);
// All translations of one address space, tables included.
void flush_space(uint16_t asid);
// A range of the kernel's own half, for every address space.
void flush_kernel_range(VirtAddr start, ByteSize size);
void flush_everything();

// Instructions written before become fetchable by this CPU.
void synchronise_instructions();

// The same on other CPUs, all of which have started; done when the call returns. They need not have interrupts on.
void remote_flush_range(CpuMask cpus, uint16_t asid, UserAddr start, ByteSize size);
void remote_flush_space(CpuMask cpus, uint16_t asid);
void remote_flush_kernel_range(CpuMask cpus, VirtAddr start, ByteSize size);
void remote_synchronise_instructions(CpuMask cpus);

}  // namespace nacre::arch
