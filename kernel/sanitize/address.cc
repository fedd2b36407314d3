// What code built with -fsanitize=kernel-address in outline mode calls before each access, and the shadow behind it.
#include <atomic>
#include <cstring>

#include "nacre/base/core/format.hh"
#include "nacre/base/core/panic.hh"
#include "nacre/kernel/mm/poison.hh"

namespace nacre::mm {

namespace {

constexpr uint8_t kPoisoned = 0xff;
constexpr uint64_t kGranule = 8;

struct Checked {
  uint64_t start = 0;
  uint64_t size = 0;  // 0: nothing is checked yet, or no more
  uint8_t* shadow = nullptr;
};
constinit Checked checked{};

[[noreturn]] void report(uint64_t address, uint64_t size, const char* what) {
  char text[96];
  size_t length = 0;
  struct Sink final : FormatSink {
    Sink(char* to, size_t& used) : to_(to), used_(used) {}
    void write(std::string_view part) override {
      const size_t count = std::min(part.size(), sizeof text - used_);
      part.copy(to_ + used_, count);
      used_ += count;
    }
    char* to_;
    size_t& used_;
  } sink(text, length);
  format_to(sink, "bad {} of {} bytes at 0x{:x}: freed, or beyond what was asked for", what, size,
            address);
  panic({text, length});
}

[[gnu::always_inline]] inline void check(uint64_t address, uint64_t size, const char* what) {
  const uint64_t offset = address - checked.start;
  if (offset >= checked.size || size == 0) return;
  const uint64_t last = offset + size - 1;
  for (uint64_t granule = offset / kGranule; granule <= last / kGranule; ++granule) {
    const uint8_t good = checked.shadow[granule];
    if (good == 0) [[likely]]
      continue;
    const uint64_t end = granule == last / kGranule ? last % kGranule + 1 : kGranule;
    if (good == kPoisoned || end > good) report(address, size, what);
  }
}

}  // namespace

void start_checking(uint64_t start, uint64_t size, uint8_t* shadow) noexcept {
  checked = {start, size, shadow};
}

void poison(const void* start, size_t size) noexcept {
  // SAFETY: the address is only computed with.
  const uint64_t offset = reinterpret_cast<uint64_t>(start) - checked.start;
  if (offset >= checked.size) return;
  std::memset(checked.shadow + offset / kGranule, kPoisoned, (size + kGranule - 1) / kGranule);
}

void unpoison(const void* start, size_t size) noexcept {
  // SAFETY: the address is only computed with.
  const uint64_t offset = reinterpret_cast<uint64_t>(start) - checked.start;
  if (offset >= checked.size) return;
  uint8_t* shadow = checked.shadow + offset / kGranule;
  std::memset(shadow, 0, size / kGranule);
  if (size % kGranule != 0) shadow[size / kGranule] = static_cast<uint8_t>(size % kGranule);
}

}  // namespace nacre::mm

// The compiler's names.
#define NACRE_CHECKED(size)                                                      \
  extern "C" [[gnu::used]] void __asan_load##size##_noabort(uint64_t address) {  \
    nacre::mm::check(address, size, "load");                                     \
  }                                                                              \
  extern "C" [[gnu::used]] void __asan_store##size##_noabort(uint64_t address) { \
    nacre::mm::check(address, size, "store");                                    \
  }
NACRE_CHECKED(1)
NACRE_CHECKED(2)
NACRE_CHECKED(4)
NACRE_CHECKED(8)
NACRE_CHECKED(16)

extern "C" {

[[gnu::used]] void __asan_loadN_noabort(uint64_t address, uint64_t size) {
  nacre::mm::check(address, size, "load");
}
[[gnu::used]] void __asan_storeN_noabort(uint64_t address, uint64_t size) {
  nacre::mm::check(address, size, "store");
}
// Stacks are not poisoned, and neither is what a container has reserved.
[[gnu::used]] void __asan_handle_no_return() {}
[[gnu::used]] void __sanitizer_annotate_contiguous_container(const void*, const void*, const void*,
                                                             const void*) {}
[[gnu::used]] void __sanitizer_annotate_double_ended_contiguous_container(const void*, const void*,
                                                                          const void*, const void*,
                                                                          const void*,
                                                                          const void*) {}

}  // extern "C"
