// Where the kernel and each hart's first stacks and TLS block lie in virtual memory: in a window of 1 GiB that every
// translation mode has, in this order, with never-mapped guards between.
//
//   slide | image | guard | boot stack | guard | emergency stack | guard | TLS | guard | boot stack | … free
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "nacre/abi/boot_info.hh"
#include "nacre/base/core/address.hh"

namespace nacre::loader {

// kernel/init/kernel.ld links the image to the start of the window.
inline constexpr uint64_t kKernelWindow = 0xffff'ffff'8000'0000;
inline constexpr uint64_t kKernelWindowSize = uint64_t{1} << 30;
inline constexpr uint64_t kSlideStep = uint64_t{2} << 20;
inline constexpr uint64_t kSlideSteps = 256;
inline constexpr uint64_t kGuardSize = 64 << 10;
inline constexpr uint64_t kBootStackSize = 256 << 10;
inline constexpr uint64_t kEmergencyStackSize = 32 << 10;

// Fills in the ranges of each CPU, behind an image of that many bytes.
constexpr void place_cpus(uint64_t image_begin, uint64_t image_size, uint64_t tls_size,
                          std::span<abi::BootCpu> cpus) {
  const auto pages = [](uint64_t n) { return (n + kPageSize - 1) & ~(kPageSize - 1); };
  uint64_t at = image_begin + pages(image_size) + kGuardSize;
  const auto take = [&](uint64_t size) {
    const abi::Range range{at, pages(size)};
    at += range.size + kGuardSize;
    return range;
  };
  for (abi::BootCpu& cpu : cpus) {
    cpu.boot_stack = take(kBootStackSize);
    cpu.emergency_stack = take(kEmergencyStackSize);
    cpu.tls = take(tls_size == 0 ? 1 : tls_size);
  }
}

// A multiple of kSlideStep below kSlideStep * kSlideSteps. FNV-1a over the seed and the time: the seed is secret and
// uniform, so mixing is all that is needed. Without a seed only the time varies it.
constexpr uint64_t slide_from(const uint8_t* seed, size_t size, uint64_t ticks) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto mix = [&](uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (size_t i = 0; i < size; ++i) mix(seed[i]);
  for (unsigned i = 0; i < 64; i += 8) mix(static_cast<uint8_t>(ticks >> i));
  hash ^= hash >> 32;
  return hash % kSlideSteps * kSlideStep;
}

}  // namespace nacre::loader
