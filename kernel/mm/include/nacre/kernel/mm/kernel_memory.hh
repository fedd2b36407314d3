// The kernel's own memory: the one frame allocator, heap, set of address-space identifiers and random source of the
// machine. Kernel only; tests make their own.
#pragma once

#include <cstdint>
#include <span>

#include "nacre/abi/boot_info.hh"
#include "nacre/kernel/mm/address_space.hh"
#include "nacre/kernel/mm/frame_allocator.hh"
#include "nacre/kernel/mm/heap.hh"

namespace nacre::mm {

// Before the first allocation, on the boot CPU. Usable regions become free. From here on operator new works there.
void init_memory(const abi::BootInfo& info);
// On every other CPU, after init_memory: operator new works there too.
void init_cpu();
// After init_memory and once the kernel's upper half has all of its root entries. From here on machine() and
// fill_random() work.
void init_address_spaces(const abi::BootInfo& info, unsigned asid_bits);

// Frees regions that were kept at first: Loader (no CPU is in it any more), Initrd, DeviceTree. Their bytes are gone afterwards.
void reclaim(const abi::BootInfo& info, abi::MemoryKind kind);

namespace detail {
// constinit, so that no reader has to ask whether they are constructed; hidden, so that none looks for their addresses.
[[gnu::visibility("hidden")]] extern constinit FrameAllocator g_frames;
[[gnu::visibility("hidden")]] extern constinit Heap g_heap;
extern constinit thread_local HeapCache t_heap_cache;
}  // namespace detail

[[nodiscard]] inline FrameAllocator& frames() {
  return detail::g_frames;
}
[[nodiscard]] inline Heap& heap() {
  return detail::g_heap;
}
// The current CPU's part of the heap.
[[nodiscard]] inline HeapCache& heap_cache() {
  return detail::t_heap_cache;
}
// Frames in use, but for the heap's, which keeps some for later: a leak shows.
[[nodiscard]] uint64_t frames_outside_heap();
[[nodiscard]] Machine& machine();

// Makes a space the one that user mode uses on this CPU, until the next call of one of these two. Cheap if it is so already.
void activate(const AddressSpace& space) noexcept;
// This CPU uses no space: before it sleeps, and before a space that it may use is destroyed, whose root is freed only then.
void deactivate() noexcept;

// Bytes fit for cryptography, from a generator seeded with what the firmware gave. On any CPU.
void fill_random(std::span<uint8_t> out) noexcept;

}  // namespace nacre::mm
