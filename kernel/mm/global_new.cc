// operator new and delete, and the C functions that the C++ runtime and the C library allocate with, over the kernel's
// heap.
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>

#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/mm/poison.hh"

namespace {

using nacre::mm::heap;
using nacre::mm::heap_cache;

// For an address sanitizer: of an object only what was asked for is good, and of a freed one nothing.
inline void* hand_out(void* pointer, [[maybe_unused]] std::size_t size) {
#ifdef NACRE_KASAN
  if (pointer == nullptr) return nullptr;
  nacre::mm::poison(pointer, heap().usable_size(pointer));
  nacre::mm::unpoison(pointer, size);
#endif
  return pointer;
}
inline void take_back([[maybe_unused]] void* pointer) {
#ifdef NACRE_KASAN
  if (pointer != nullptr) nacre::mm::poison(pointer, heap().usable_size(pointer));
#endif
}

// The fast paths are inlined into operator new(size), both operator delete, malloc and free, and nowhere else. What is
// slow is tail-called, so that the fast paths need no frame.
inline void* allocate_cached(std::size_t size) {
  return hand_out(nacre::mm::Heap::allocate_cached(heap_cache(), size), size);
}
[[gnu::noinline]] void* allocate_slow(std::size_t size) {
  return hand_out(heap().allocate_slow(heap_cache(), size), size);
}
inline void release(void* pointer) {
  take_back(pointer);
  heap().free(heap_cache(), pointer);
}
inline void* allocate_aligned(std::size_t size, std::align_val_t alignment) {
  return hand_out(heap().allocate_aligned(heap_cache(), size, static_cast<std::size_t>(alignment)),
                  size);
}

// Out of memory is one of the two things that exceptions are for.
[[noreturn, gnu::cold, gnu::noinline]] void throw_bad_alloc() {
  throw std::bad_alloc();
}

inline void* checked(void* pointer) {
  if (pointer == nullptr) [[unlikely]]
    throw_bad_alloc();
  return pointer;
}

[[gnu::noinline]] void* new_slow(std::size_t size) {
  return checked(allocate_slow(size));
}

}  // namespace

void* operator new(std::size_t size) {
  if (void* p = allocate_cached(size)) [[likely]]
    return p;
  return new_slow(size);
}
void* operator new[](std::size_t size) {
  return ::operator new(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return malloc(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return malloc(size);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return checked(allocate_aligned(size, alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return checked(allocate_aligned(size, alignment));
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate_aligned(size, alignment);
}
void* operator new[](std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate_aligned(size, alignment);
}

void operator delete(void* p) noexcept {
  release(p);
}
void operator delete[](void* p) noexcept {
  ::operator delete(p);
}
void operator delete(void* p, std::size_t size) noexcept {
  take_back(p);
  heap().free_sized(heap_cache(), p, size);
}
void operator delete[](void* p, std::size_t) noexcept {
  ::operator delete(p);
}
void operator delete(void* p, std::align_val_t) noexcept {
  ::operator delete(p);
}
void operator delete[](void* p, std::align_val_t) noexcept {
  ::operator delete(p);
}
void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  ::operator delete(p);
}
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept {
  ::operator delete(p);
}
void operator delete(void* p, const std::nothrow_t&) noexcept {
  ::operator delete(p);
}
void operator delete[](void* p, const std::nothrow_t&) noexcept {
  ::operator delete(p);
}

extern "C" {

[[gnu::used]] void* malloc(size_t size) {
  if (void* p = allocate_cached(size)) [[likely]]
    return p;
  return allocate_slow(size);
}
[[gnu::used]] void free(void* p) {
  release(p);
}

__attribute__((used, no_builtin("malloc", "calloc"))) void* calloc(size_t count, size_t size) {
  size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) return nullptr;
  void* p = malloc(bytes);
  if (p != nullptr) memset(p, 0, bytes);
  return p;
}

[[gnu::used]] void* realloc(void* old, size_t size) {
  if (old == nullptr) return malloc(size);
  const size_t have = heap().usable_size(old);
  // Stays where it is unless more than half would be wasted.
  if (size <= have && size * 2 > have) return hand_out(old, size);
  void* p = malloc(size);
  if (p == nullptr) return nullptr;
  memcpy(p, old, size < have ? size : have);
  free(old);
  return p;
}

[[gnu::used]] void* aligned_alloc(size_t alignment, size_t size) {
  return allocate_aligned(size, std::align_val_t{alignment});
}

[[gnu::used]] int posix_memalign(void** out, size_t alignment, size_t size) {
  void* p = aligned_alloc(alignment, size);
  if (p == nullptr) return ENOMEM;
  *out = p;
  return 0;
}

}  // extern "C"
