// What all address spaces of a machine share: frames, translations, identifiers, chance.
#pragma once

#include <cstdint>

#include "nacre/base/core/address.hh"
#include "nacre/base/paging/format.hh"
#include "nacre/kernel/mm/frame_allocator.hh"
#include "nacre/kernel/mm/tlb.hh"

namespace nacre::mm {

// Where placement gets its luck from.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual uint64_t next() noexcept = 0;
};

// What all address spaces of a machine share. Outlives them.
struct Machine {
  FrameAllocator& frames;
  TlbControl& tlb;
  AsidAllocator& asids;
  RandomSource& random;
  paging::Mode mode = paging::Mode::Sv39;
  PhysAddr kernel_root;  // whose upper half every space shares
};

}  // namespace nacre::mm
