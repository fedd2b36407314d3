// Address-space identifiers and the invalidation of translations.
#pragma once

#include <cstdint>
#include <vector>

#include "nacre/base/core/address.hh"
#include "nacre/base/core/ref.hh"
#include "nacre/kernel/mm/lock.hh"
#include "nacre/kernel/mm/memory_object.hh"

namespace nacre::mm {

// A bit for each CpuId.
using CpuMask = uint64_t;

// What the machine does about caches of translations and instructions. Implemented by whoever has kernel/arch. Each call
// returns when it is done on all CPUs of the mask.
class TlbControl {
 public:
  virtual ~TlbControl() = default;
  // Forgets the leaf translations of a range.
  virtual void flush_range(CpuMask cpus, uint16_t asid, UserAddr start, ByteSize size) noexcept = 0;
  // Forgets everything of the space, tables included.
  virtual void flush_space(CpuMask cpus, uint16_t asid) noexcept = 0;
  // Makes data that was written through the direct map visible to instruction fetch: on these CPUs now, on the others
  // before they next activate a space.
  virtual void synchronise_instructions(CpuMask cpus) noexcept = 0;
};

// Hands out identifiers 1 … 2^bits-1, each to one space at a time. When all are taken, and on a machine that has none, spaces
// share kShared, which is the kernel's own as well: switching to one that has it must flush.
class AsidAllocator {
 public:
  explicit AsidAllocator(unsigned bits);
  static constexpr uint16_t kShared = 0;

  [[nodiscard]] uint16_t allocate() noexcept;
  void free(uint16_t asid) noexcept;

 private:
  Lock lock_{LockRank::Asids};
  uint32_t hint_ GUARDED_BY(lock_) = 1;
  std::vector<bool> taken_ GUARDED_BY(lock_);
};

// The debt of an unmap or protect: until it is discharged, stale translations may exist and the
// frames behind them are kept. Destroying a token that was not discharged panics.
class [[nodiscard]] TlbFlush {
 public:
  TlbFlush(TlbFlush&& other) noexcept;
  TlbFlush& operator=(TlbFlush&&) = delete;
  ~TlbFlush();

  // Invalidates, then frees what was unmapped.
  void discharge() && noexcept;

 private:
  friend class AddressSpace;
  TlbFlush(TlbControl& tlb, FrameAllocator& frames, CpuMask cpus, uint16_t asid, UserAddr start,
           ByteSize size, uint32_t retired_tables, Ref<MemoryObject> object) noexcept;
  // What must not be used again before the invalidation.
  void keep(const FrameList& taken_out) noexcept { taken_out_ = taken_out; }
  void keep(std::vector<Ref<MemoryObject>> objects) noexcept { objects_ = std::move(objects); }

  TlbControl* tlb_;  // nullptr once discharged or moved from
  FrameAllocator* frames_;
  Ref<MemoryObject> object_;
  std::vector<Ref<MemoryObject>> objects_;
  FrameList taken_out_;
  CpuMask cpus_;
  UserAddr start_;
  ByteSize size_;
  uint32_t retired_tables_;  // list through FrameInfo::next
  uint16_t asid_;
};

// Frees tables that are empty, hence zero, and linked through FrameInfo::next.
void free_table_list(FrameAllocator& frames, uint32_t head) noexcept;

}  // namespace nacre::mm
