// What the compiler and the libraries under the loader expect to find. There is no heap and nothing unwinds: whoever
// would allocate or throw stops the machine instead.
#include <cstddef>
#include <cstdint>
#include <new>

#include "machine.hh"
#include "nacre/base/core/panic.hh"

namespace nacre {

void panic(std::string_view message, std::source_location where) {
  loader::stop(where.file_name(), message);
}

}  // namespace nacre

void* operator new(size_t) {
  nacre::loader::stop("out of memory");
}
void operator delete(void*) noexcept {}
void operator delete(void*, size_t) noexcept {}

_LIBCPP_BEGIN_NAMESPACE_STD
void __libcpp_verbose_abort(const char* text, ...) {
  nacre::loader::stop(text);
}
_LIBCPP_END_NAMESPACE_STD

namespace std {
void terminate() noexcept {
  nacre::loader::stop("terminate");
}
}  // namespace std

extern "C" {

// zstd asks for memory where none was handed to it, which we never let happen.
void* malloc(size_t) {
  return nullptr;
}
void* calloc(size_t, size_t) {
  return nullptr;
}
void free(void*) {}

[[noreturn]] void abort() {
  nacre::loader::stop("abort");
}
// What landing pads refer to; never reached, since nothing throws.
void* __cxa_begin_catch(void*) {
  nacre::loader::stop("exception");
}
[[noreturn]] void _Unwind_Resume(void*) {
  nacre::loader::stop("exception");
}
uint8_t __gxx_personality_v0;

}  // extern "C"
