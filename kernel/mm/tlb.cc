#include "nacre/kernel/mm/tlb.hh"

#include "nacre/base/core/panic.hh"

namespace nacre::mm {

AsidAllocator::AsidAllocator(unsigned bits) : taken_(size_t{1} << bits) {
  ASSERT(bits <= 16);
  taken_[0] = true;
}

uint16_t AsidAllocator::allocate() noexcept {
  const LockGuard guard(lock_);
  const auto count = static_cast<uint32_t>(taken_.size());
  // Round robin, so that an identifier is reused as late as possible.
  for (uint32_t tried = 1; tried < count; ++tried) {
    const uint32_t asid = hint_;
    hint_ = hint_ + 1 == count ? 1 : hint_ + 1;
    if (taken_[asid]) continue;
    taken_[asid] = true;
    return static_cast<uint16_t>(asid);
  }
  return kShared;
}

void AsidAllocator::free(uint16_t asid) noexcept {
  if (asid == kShared) return;
  const LockGuard guard(lock_);
  ASSERT(taken_[asid]);
  taken_[asid] = false;
}

TlbFlush::TlbFlush(TlbControl& tlb, FrameAllocator& frames, CpuMask cpus, uint16_t asid,
                   UserAddr start, ByteSize size, uint32_t retired_tables,
                   Ref<MemoryObject> object) noexcept
    : tlb_(&tlb),
      frames_(&frames),
      object_(std::move(object)),
      cpus_(cpus),
      start_(start),
      size_(size),
      retired_tables_(retired_tables),
      asid_(asid) {}

TlbFlush::TlbFlush(TlbFlush&& other) noexcept
    : tlb_(std::exchange(other.tlb_, nullptr)),
      frames_(other.frames_),
      object_(std::move(other.object_)),
      objects_(std::move(other.objects_)),
      taken_out_(std::exchange(other.taken_out_, FrameList())),
      cpus_(other.cpus_),
      start_(other.start_),
      size_(other.size_),
      retired_tables_(other.retired_tables_),
      asid_(other.asid_) {}

TlbFlush::~TlbFlush() {
  ASSERT(tlb_ == nullptr);
}

void TlbFlush::discharge() && noexcept {
  ASSERT(tlb_ != nullptr);
  // Invalidating a range covers leaf entries only (Privileged Architecture 1.12, section 4.2.1): when tables go, the
  // whole space is flushed.
  if (retired_tables_ != FrameInfo::kNone) {
    tlb_->flush_space(cpus_, asid_);
  } else {
    tlb_->flush_range(cpus_, asid_, start_, size_);
  }
  tlb_ = nullptr;
  free_table_list(*frames_, retired_tables_);
  taken_out_.free_all(*frames_);
  object_ = nullptr;
  objects_.clear();
}

void free_table_list(FrameAllocator& frames, uint32_t head) noexcept {
  while (head != FrameInfo::kNone) {
    const uint32_t next = frames.infos()[head].next;
    frames.free_zeroed(frames.frame_at(head));
    head = next;
  }
}

}  // namespace nacre::mm
