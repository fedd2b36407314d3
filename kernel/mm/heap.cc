#include "nacre/kernel/mm/heap.hh"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <new>

#include "nacre/kernel/mm/failure_injection.hh"
#include "nacre/kernel/mm/heap_account.hh"

namespace nacre::mm {

using heap_detail::FreeObject;
using heap_detail::kClasses;
using heap_detail::kLargest;
using heap_detail::kSizes;

// At the start of its first frame. Objects from `fresh` on were never handed out, so that making a slab touches no object.
//
// Partial (on the list; free or fresh objects left) ↔ full (off the list); partial with used == 0 is empty.
struct Heap::Slab {
  Slab* next;
  Slab* previous;
  FreeObject* free;
  uint32_t used;   // objects outside
  uint32_t fresh;  // index of the first never used object
  uint32_t capacity;
  uint32_t size_class;
};

static_assert(offsetof(HeapCache, lists) == 0);

namespace {

constexpr uint32_t kHeaderBytes = 64;

// Objects are aligned to the lowest set bit of their size, up to a page.
constexpr uint32_t alignment_of(unsigned size_class) {
  const uint32_t lowest = kSizes[size_class] & (~kSizes[size_class] + 1);
  return std::min<uint32_t>(lowest, kPageSize);
}

constexpr uint32_t first_offset(unsigned size_class) {
  const uint32_t alignment = alignment_of(size_class);
  return (kHeaderBytes + alignment - 1) & ~(alignment - 1);
}

constexpr uint32_t capacity_of(unsigned size_class) {
  const uint32_t bytes = static_cast<uint32_t>(kPageSize) << heap_detail::slab_order(size_class);
  return (bytes - first_offset(size_class)) / kSizes[size_class];
}

// An object's share of its slab, bytes: a full slab is paid for to the last byte.
constexpr uint64_t cost_of(unsigned size_class) {
  const uint64_t bytes = uint64_t{kPageSize} << heap_detail::slab_order(size_class);
  return (bytes + capacity_of(size_class) - 1) / capacity_of(size_class);
}

static_assert([] {
  for (unsigned i = 0; i < kClasses; ++i) {
    if (capacity_of(i) < 7 || heap_detail::class_of(kSizes[i]) != i) return false;
    if (i != 0 && heap_detail::class_of(kSizes[i - 1] + 1) != i) return false;
  }
  return true;
}());

}  // namespace

void Heap::init(FrameAllocator& frames) noexcept {
  ASSERT(frames_ == nullptr);
  frames_ = &frames;
  injecting_ = is_injecting_failures();
  infos_ = frames.infos();
  base_ = frames.frame_at(0).value() + frames.direct_map().offset();
}

void Heap::attach(HeapCache& cache) noexcept {
  ASSERT(frames_ != nullptr && cache.infos == nullptr);
  for (unsigned i = 0; i < kClasses; ++i) cache.lists[i].room = limit_of(i);
  cache.infos = infos_;
  cache.base = base_;
}

// ---- slabs ------------------------------------------------------------------------------------------------------

void Heap::link(SizeClass& size_class, Slab* slab) noexcept {
  slab->previous = nullptr;
  slab->next = size_class.partial;
  if (slab->next != nullptr) slab->next->previous = slab;
  size_class.partial = slab;
}

void Heap::unlink(SizeClass& size_class, Slab* slab) noexcept {
  if (slab->next != nullptr) slab->next->previous = slab->previous;
  if (slab->previous != nullptr) {
    slab->previous->next = slab->next;
  } else {
    DEBUG_ASSERT(size_class.partial == slab);
    size_class.partial = slab->next;
  }
}

Heap::Slab* Heap::make_slab(SizeClass& size_class, unsigned index) noexcept {
  const unsigned order = heap_detail::slab_order(index);
  const auto block = frames_->allocate(order);
  if (!block) return nullptr;
  const uint32_t first = frames_->index_of(*block);
  for (uint32_t i = 0; i < uint32_t{1} << order; ++i) {
    infos_[first + i].state = FrameState::Slab;
    infos_[first + i].owner = first;
    infos_[first + i].slab_class = static_cast<uint8_t>(index + 1);
  }
  // SAFETY: the block is ours, in the direct map, page-aligned and large enough.
  Slab* slab = new (frames_->direct_map().pointer<void>(*block)) Slab();
  slab->capacity = capacity_of(index);
  slab->size_class = index;
  link(size_class, slab);
  ++size_class.slabs;
  ++size_class.empty;
  return slab;
}

void Heap::free_slab(SizeClass& size_class, Slab* slab) noexcept {
  unlink(size_class, slab);
  --size_class.slabs;
  --size_class.empty;
  const unsigned order = heap_detail::slab_order(slab->size_class);
  const PhysAddr block = frames_->direct_map().physical(slab);
  const uint32_t first = frames_->index_of(block);
  for (uint32_t i = 0; i < uint32_t{1} << order; ++i) {
    infos_[first + i].state = i == 0 ? FrameState::Used : FrameState::Inside;
    infos_[first + i].slab_class = 0;
  }
  frames_->free(block, order);
}

void Heap::give_back(SizeClass& size_class, Slab* slab, FreeObject* object) noexcept {
  ASSERT(slab->used != 0);
  if (slab->free == nullptr && slab->fresh == slab->capacity) link(size_class, slab);
  object->next = slab->free;
  slab->free = object;
  --slab->used;
  --size_class.objects;
  if (slab->used != 0) return;
  ++size_class.empty;
  if (size_class.empty > 1) free_slab(size_class, slab);
}

// Whether the one who pays can; what it only keeps for later does not count.
bool Heap::pays(HeapCache& cache, uint64_t bytes) noexcept {
  if (cache.payer->try_pay(bytes)) return true;
  drain(cache);
  if (cache.payer->try_pay(bytes)) return true;
  cache.payer->note_refusal(bytes);
  return false;
}

// Half a list's worth; if that is more than can be paid, one object.
void* Heap::refill(HeapCache& cache, unsigned index) noexcept {
  if (frames_ == nullptr) return nullptr;
  HeapCache::List& list = cache.lists[index];
  uint32_t wanted = std::max<uint32_t>(limit_of(index) / 2, 1);
  if (cache.payer == nullptr) [[likely]]
    return take_batch(list, index, wanted);

  if (!cache.payer->try_pay(wanted * cost_of(index))) {
    wanted = 1;
    if (!pays(cache, cost_of(index))) return nullptr;
  }
  const int64_t room = list.room;
  void* result = take_batch(list, index, wanted);
  const int64_t taken = result == nullptr ? 0 : 1 + room - list.room;
  cache.payer->refund((wanted - static_cast<uint64_t>(taken)) * cost_of(index));
  return result;
}

// Takes objects of the partial slabs, at most `wanted`; the first goes to the caller.
void* Heap::take_batch(HeapCache::List& list, unsigned index, uint32_t wanted) noexcept {
  SizeClass& size_class = classes_[index];
  const LockGuard guard(size_class.lock);
  void* result = nullptr;
  for (uint32_t taken = 0; taken < wanted;) {
    Slab* slab = size_class.partial;
    if (slab == nullptr) {
      // A new slab only for the caller's sake.
      if (result == nullptr) slab = make_slab(size_class, index);
      if (slab == nullptr) break;
    }
    if (slab->used == 0) --size_class.empty;
    while (taken < wanted) {
      FreeObject* object = slab->free;
      if (object != nullptr) {
        slab->free = object->next;
      } else if (slab->fresh < slab->capacity) {
        // SAFETY: inside the slab, behind its header.
        object = reinterpret_cast<FreeObject*>(reinterpret_cast<char*>(slab) + first_offset(index) +
                                               uint64_t{slab->fresh} * kSizes[index]);
        ++slab->fresh;
      } else {
        unlink(size_class, slab);
        break;
      }
      ++slab->used;
      ++size_class.objects;
      ++taken;
      if (result == nullptr) {
        result = object;
      } else {
        object->next = list.head;
        list.head = object;
        --list.room;
      }
    }
    if (slab->free == nullptr && slab->fresh == slab->capacity && taken == wanted) {
      unlink(size_class, slab);
    }
  }
  return result;
}

// Gives `count` objects of a list back to their slabs.
void Heap::flush(HeapCache::List& list, unsigned index, int64_t count) noexcept {
  // SAFETY: INV-16 the lists are a cache's first member, and every list is in a cache at its index: the fast path need not pass
  // on the cache.
  const auto* cache = reinterpret_cast<const HeapCache*>(&list - index);
  if (cache->payer != nullptr) [[unlikely]]
    cache->payer->refund(static_cast<uint64_t>(count) * cost_of(index));
  SizeClass& size_class = classes_[index];
  const LockGuard guard(size_class.lock);
  list.room += count;
  for (; count > 0; --count) {
    FreeObject* object = list.head;
    list.head = object->next;
    const FrameInfo& info = infos_[frame_of(object)];
    Slab* slab = frames_->direct_map().pointer<Slab>(frames_->frame_at(info.owner));
    give_back(size_class, slab, object);
  }
}

void Heap::flush_half(HeapCache::List& list, unsigned index) noexcept {
  flush(list, index, limit_of(index) / 2 + 1);
}

void Heap::drain(HeapCache& cache) noexcept {
  if (cache.infos == nullptr) return;
  for (unsigned i = 0; i < kClasses; ++i) {
    HeapCache::List& list = cache.lists[i];
    flush(list, i, int64_t{limit_of(i)} - list.room);
  }
}

// ---- everything else --------------------------------------------------------------------------------------------

void* Heap::allocate_slow(HeapCache& cache, size_t size) noexcept {
  if (size > kLargest) return allocate_large(cache, size, kPageSize);
  const unsigned index = heap_detail::class_of(std::max<size_t>(size, 1));
  if (request_fails()) return nullptr;
  HeapCache::List& list = cache.lists[index];
  FreeObject* object = list.head;
  if (object == nullptr) return refill(cache, index);
  list.head = object->next;
  ++list.room;
  return object;
}

void* Heap::allocate_aligned(HeapCache& cache, size_t size, size_t alignment) noexcept {
  ASSERT(std::has_single_bit(alignment));
  if (alignment <= kMinimumAlignment) return allocate(cache, size);
  if (size <= kLargest && alignment <= kPageSize) {
    // Powers of two are aligned to themselves, up to a page, so that a class is found before the last.
    for (unsigned i = heap_detail::class_of(std::max<size_t>(size, 1)); i < kClasses; ++i) {
      if (alignment_of(i) >= alignment) return allocate(cache, kSizes[i]);
    }
  }
  return allocate_large(cache, size, alignment);
}

void* Heap::allocate_large(HeapCache& cache, size_t size, size_t alignment) noexcept {
  // Beyond this nothing can be had, and sums would wrap.
  constexpr size_t kImpossible = size_t{1} << 46;
  constexpr size_t kMaxAlignment = size_t{2} << 20;
  if (frames_ == nullptr || size > kImpossible || alignment > kMaxAlignment) return nullptr;
  // A run is aligned to the power of two that it was cut from.
  const uint64_t pages = std::max(ByteSize(size), ByteSize(alignment)).pages_up();
  if (cache.payer != nullptr && !pays(cache, pages << kPageShift)) return nullptr;
  const auto run = frames_->allocate_run(pages);
  if (!run) {
    if (cache.payer != nullptr) cache.payer->refund(pages << kPageShift);
    return nullptr;
  }
  FrameInfo& info = frames_->info(*run);
  info.state = FrameState::Large;
  info.owner = static_cast<uint32_t>(pages);
  large_bytes_.fetch_add(pages << kPageShift, std::memory_order_relaxed);
  return frames_->direct_map().pointer<void>(*run);
}

void Heap::free_large(void* pointer, HeapCache& cache) noexcept {
  const PhysAddr frame = frames_->direct_map().physical(pointer);
  ASSERT(frames_->contains(frame));
  FrameInfo& info = frames_->info(frame);
  ASSERT(info.state == FrameState::Large);
  const uint64_t pages = info.owner;
  info.state = FrameState::Used;
  if (cache.payer != nullptr) cache.payer->refund(pages << kPageShift);
  large_bytes_.fetch_sub(pages << kPageShift, std::memory_order_relaxed);
  frames_->free_run(frame, pages);
}

size_t Heap::usable_size(const void* pointer) const noexcept {
  const FrameInfo& info = infos_[frame_of(pointer)];
  if (info.slab_class != 0) return kSizes[info.slab_class - 1];
  ASSERT(info.state == FrameState::Large);
  return uint64_t{info.owner} << kPageShift;
}

HeapClassStatistics Heap::class_statistics(unsigned index) const noexcept {
  const SizeClass& size_class = classes_.at(index);
  const LockGuard guard(size_class.lock);
  return {.size = kSizes[index],
          .slabs = size_class.slabs,
          .empty = size_class.empty,
          .slab_bytes = uint64_t{size_class.slabs} * kPageSize << heap_detail::slab_order(index),
          .objects = size_class.objects};
}

HeapStatistics Heap::statistics() const noexcept {
  HeapStatistics statistics;
  for (unsigned i = 0; i < kClasses; ++i) {
    const HeapClassStatistics of_class = class_statistics(i);
    statistics.slabs += of_class.slabs;
    statistics.slab_bytes += of_class.slab_bytes;
    statistics.objects += of_class.objects;
  }
  statistics.large_bytes = large_bytes_.load(std::memory_order_relaxed);
  return statistics;
}

}  // namespace nacre::mm
