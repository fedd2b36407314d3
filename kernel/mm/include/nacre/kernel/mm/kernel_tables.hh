// Where the kernel's own page tables come from: frames of the machine, reached through the direct map.
//
// Tables of the kernel's half are never freed by unmapping (base/paging/page_table.hh), so nobody has to wait for CPUs
// that may still walk one.
#pragma once

#include <optional>

#include "nacre/base/paging/format.hh"
#include "nacre/kernel/mm/frame_allocator.hh"

namespace nacre::mm {

// A paging::FrameSource.
class KernelTables {
 public:
  explicit KernelTables(FrameAllocator& frames) noexcept : frames_(frames) {}

  std::optional<PhysAddr> allocate_table() noexcept { return frames_.allocate(0, Zeroing::Zeroed); }
  void free_table(PhysAddr frame) noexcept { frames_.free(frame); }
  paging::Entry* table_at(PhysAddr frame) noexcept {
    return frames_.direct_map().pointer<paging::Entry>(frame);
  }

 private:
  FrameAllocator& frames_;
};

}  // namespace nacre::mm
