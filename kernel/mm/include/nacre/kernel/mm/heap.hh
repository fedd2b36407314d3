// The kernel's heap: size classes in slabs over the direct map, with a free list per class and CPU in front.
//
// Sizes up to kLargest are rounded up to a class: multiples of 16 up to 128, then four classes for each doubling. A slab is
// a block of frames with a Slab at its start and equal objects behind it; the frame table says of each frame which class it
// belongs to, which is how an address alone is enough to free. Larger sizes are runs of frames.
//
// An object's way: slab → a CPU's list (refill takes a batch) → caller → the CPU's list → slab (flush gives a batch back).
// A slab with no object outside goes back to the frame allocator, except for one of each class.
//
// The fast path takes no lock: a list belongs to its CPU, and callers on one CPU do not interrupt each other (the kernel
// runs with interrupts off).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "nacre/base/core/panic.hh"
#include "nacre/kernel/mm/frame_allocator.hh"
#include "nacre/kernel/mm/lock.hh"

namespace nacre::mm {

namespace heap_detail {

inline constexpr size_t kLargest = 16384;

// 8 classes of 16 … 128, then 160, 192, 224, 256, 320, … 16384.
inline constexpr unsigned kClasses = 8 + 4 * 7;
inline constexpr auto kSizes = [] {
  std::array<uint32_t, kClasses> sizes{};
  unsigned n = 0;
  for (uint32_t size = 16; size <= 128; size += 16) sizes[n++] = size;
  for (uint32_t base = 128; base < kLargest; base *= 2) {
    for (uint32_t quarter = 1; quarter <= 4; ++quarter) sizes[n++] = base + base / 4 * quarter;
  }
  return sizes;
}();
static_assert(kSizes.back() == kLargest);

// Up to this, class i has objects of 16 * (i + 1) bytes: the index needs no table.
inline constexpr size_t kArithmeticLimit = 128;
static_assert([] {
  for (uint32_t i = 0; i < kArithmeticLimit / 16; ++i) {
    if (kSizes[i] != 16 * (i + 1)) return false;
  }
  return true;
}());

// Class of a small size by its 16-byte units.
inline constexpr size_t kTableLimit = 1024;
inline constexpr auto kClassOfUnits = [] {
  std::array<uint8_t, kTableLimit / 16 + 1> classes{};
  uint8_t current = 0;
  for (size_t units = 0; units < classes.size(); ++units) {
    while (kSizes[current] < units * 16) ++current;
    classes[units] = current;
  }
  return classes;
}();

// 0 < size ≤ kLargest.
[[nodiscard]] constexpr unsigned class_of(size_t size) {
  if (size <= kTableLimit) [[likely]]
    return kClassOfUnits[(size + 15) / 16];
  // Above 128 the class follows from the highest bit and the next two.
  const unsigned log = 63 - static_cast<unsigned>(__builtin_clzll(size - 1));
  const auto quarter = static_cast<unsigned>((size - 1) >> (log - 2)) & 3;
  return 8 + 4 * (log - 7) + quarter;
}

// Frames of a slab: at least seven objects.
[[nodiscard]] constexpr unsigned slab_order(unsigned size_class) {
  const uint32_t size = kSizes[size_class];
  if (size <= 256) return 0;
  if (size <= 1024) return 2;
  if (size <= 4096) return 3;
  return 5;
}

// Objects that a CPU keeps of a class.
[[nodiscard]] constexpr uint32_t list_limit(unsigned size_class) {
  const uint32_t size = kSizes[size_class];
  if (size <= 256) return 64;
  return size <= 1024 ? 32 : 8;
}
struct FreeObject {
  FreeObject* next;
};

}  // namespace heap_detail

class HeapAccount;

// One CPU's lists, and what the fast path needs to know of the heap. Zero-initialised, nothing can be had from it; attach()
// connects it.
struct HeapCache {
  struct List {
    heap_detail::FreeObject* head = nullptr;
    int64_t room = 0;  // objects that can still be put here before some go back
  };
  // No std::array: the index comes from tables that are right by construction, and a check costs a tenth of a call.
  List lists[heap_detail::kClasses];
  const FrameInfo* infos = nullptr;
  uint64_t base = 0;  // virtual address of frame 0 in the direct map
  HeapAccount* payer =
      nullptr;  // of all that comes here from the heap; otherwise it is the kernel's own
};

struct HeapStatistics {
  uint64_t slabs = 0;
  uint64_t slab_bytes = 0;
  uint64_t large_bytes = 0;
  uint64_t objects = 0;  // outside the slabs: in use, or in the CPUs' lists
};

// Of one size class.
struct HeapClassStatistics {
  size_t size = 0;     // of an object, bytes
  uint64_t slabs = 0;  // and of those without an object in use
  uint64_t empty = 0;
  uint64_t slab_bytes = 0;
  uint64_t objects = 0;  // outside the slabs
};

class Heap {
 public:
  static constexpr size_t kMinimumAlignment = 16;

  constexpr Heap() = default;
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  // Before this, every allocation fails. `frames` outlives the heap.
  void init(FrameAllocator& frames) noexcept;
  // Makes an empty cache one of this heap.
  void attach(HeapCache& cache) noexcept;

  // nullptr when memory is out. The result is aligned to 16. Size 0 counts as 1.
  [[nodiscard]] void* allocate(HeapCache& cache, size_t size) noexcept {
    void* object = allocate_cached(cache, size);
    return object != nullptr ? object : allocate_slow(cache, size);
  }
  // `alignment` is a power of two, at most 2 MiB.
  [[nodiscard]] void* allocate_aligned(HeapCache& cache, size_t size, size_t alignment) noexcept;

  // What allocate returned, or nullptr.
  [[gnu::always_inline]] void free(HeapCache& cache, void* pointer) noexcept {
    if (pointer == nullptr) return;
    // SAFETY: the address is only computed with.
    const uint64_t offset = reinterpret_cast<uint64_t>(pointer) - cache.base;
    const unsigned slab_class = cache.infos[offset >> kPageShift].slab_class;
    if (slab_class == 0) [[unlikely]]
      return free_large(pointer, cache);
    put_back(cache.lists[slab_class - 1], pointer, slab_class - 1);
  }
  // The same for one who knows what was asked for.
  [[gnu::always_inline]] void free_sized(HeapCache& cache, void* pointer, size_t size) noexcept {
    if (size - 1 >= heap_detail::kArithmeticLimit || pointer == nullptr) [[unlikely]]
      return free(cache, pointer);
    const size_t index = (size - 1) / 16;
    put_back(cache.lists[index], pointer, static_cast<unsigned>(index));
  }

  // The two parts of allocate, for those who want to inline only the first. allocate_cached gives nullptr if the size is
  // large or the CPU's list is empty.
  [[nodiscard, gnu::always_inline]] static void* allocate_cached(HeapCache& cache,
                                                                 size_t size) noexcept {
    if (size - 1 < heap_detail::kArithmeticLimit) [[likely]]
      return take(cache.lists[(size - 1) / 16]);
    if (size - 1 >= heap_detail::kTableLimit) return nullptr;
    return take(cache.lists[heap_detail::kClassOfUnits.data()[(size + 15) / 16]]);
  }
  [[nodiscard]] void* allocate_slow(HeapCache& cache, size_t size) noexcept;

  // Bytes that an allocated object really has.
  [[nodiscard]] size_t usable_size(const void* pointer) const noexcept;

  // Gives all that a CPU's lists hold back to the slabs.
  void drain(HeapCache& cache) noexcept;
  [[nodiscard]] HeapStatistics statistics() const noexcept;
  // `index` is below heap_detail::kClasses.
  [[nodiscard]] HeapClassStatistics class_statistics(unsigned index) const noexcept;

 private:
  struct Slab;
  struct SizeClass {
    mutable Lock lock{LockRank::Heap};
    Slab* partial GUARDED_BY(lock) = nullptr;  // list of slabs with a free object
    uint32_t slabs GUARDED_BY(lock) = 0;
    uint32_t empty GUARDED_BY(lock) = 0;    // of those, with none in use
    uint64_t objects GUARDED_BY(lock) = 0;  // outside
  };

  [[nodiscard]] uint64_t frame_of(const void* pointer) const noexcept {
    // SAFETY: the address is only computed with.
    return (reinterpret_cast<uint64_t>(pointer) - base_) >> kPageShift;
  }
  // nullptr if the list is empty.
  [[nodiscard, gnu::always_inline]] static void* take(HeapCache::List& list) noexcept {
    heap_detail::FreeObject* const object = list.head;
    if (object == nullptr) [[unlikely]]
      return nullptr;
    list.head = object->next;
    ++list.room;
    return object;
  }
  [[gnu::always_inline]] void put_back(HeapCache::List& list, void* pointer,
                                       unsigned size_class) noexcept {
    auto* object = static_cast<heap_detail::FreeObject*>(pointer);
    DEBUG_ASSERT(object != list.head);
    object->next = list.head;
    list.head = object;
    if (--list.room < 0) [[unlikely]]
      flush_half(list, size_class);
  }
  // Objects that a cache of this heap keeps of a class.
  [[nodiscard]] uint32_t limit_of(unsigned size_class) const noexcept {
    return injecting_ ? 0 : heap_detail::list_limit(size_class);
  }
  [[nodiscard]] void* allocate_large(HeapCache& cache, size_t size, size_t alignment) noexcept;
  // The cache comes last, where it costs the fast path no register move.
  void free_large(void* pointer, HeapCache& cache) noexcept;
  [[nodiscard]] bool pays(HeapCache& cache, uint64_t bytes) noexcept;
  [[nodiscard]] void* refill(HeapCache& cache, unsigned size_class) noexcept;
  [[nodiscard]] void* take_batch(HeapCache::List& list, unsigned size_class,
                                 uint32_t wanted) noexcept;
  void flush(HeapCache::List& list, unsigned size_class, int64_t count) noexcept;
  void flush_half(HeapCache::List& list, unsigned size_class) noexcept;

  [[nodiscard]] Slab* make_slab(SizeClass& size_class, unsigned index) noexcept
      REQUIRES(size_class.lock);
  void free_slab(SizeClass& size_class, Slab* slab) noexcept REQUIRES(size_class.lock);
  void link(SizeClass& size_class, Slab* slab) noexcept REQUIRES(size_class.lock);
  void unlink(SizeClass& size_class, Slab* slab) noexcept REQUIRES(size_class.lock);
  void give_back(SizeClass& size_class, Slab* slab, heap_detail::FreeObject* object) noexcept
      REQUIRES(size_class.lock);

  FrameInfo* infos_ = nullptr;
  uint64_t base_ = 0;  // virtual address of frame 0 in the direct map
  FrameAllocator* frames_ = nullptr;
  bool injecting_ = false;  // made while failures are injected: nothing is cached
  std::array<SizeClass, heap_detail::kClasses> classes_{};
  std::atomic<uint64_t> large_bytes_{0};  // a number for people
};

}  // namespace nacre::mm
