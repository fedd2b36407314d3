// Where things lie in the kernel's half of virtual memory: the direct map, the image, and each hart's stacks and TLS block, all
// independently at random, with never-mapped guards between.
//
// Positions are drawn uniformly, and again if a piece would touch another one; boot/loader/README.md has the bits of entropy.
// Without randomness: the direct map at the start of the half, the image where it is linked, the rest in a row behind it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "nacre/abi/boot_info.hh"
#include "nacre/abi/boot_request.hh"
#include "nacre/base/paging/format.hh"
#include "nacre/base/random/chacha_random.hh"

namespace nacre::loader {

// kernel/init/kernel.ld links the image to here.
inline constexpr uint64_t kLinkAddress = 0xffff'ffff'8000'0000;
inline constexpr uint64_t kGuardSize = 64 << 10;
// Keeps its large leaves.
inline constexpr uint64_t kDirectMapAlignment = uint64_t{2} << 20;
// Physical addresses that the direct map has room for, also where there is no memory but may be devices. More memory makes
// it larger.
inline constexpr uint64_t kDirectMapSpan = uint64_t{64} << 30;

class KernelLayout {
 public:
  // `random` is nullptr for fixed places; it is used during calls only.
  KernelLayout(paging::Mode mode, random::ChaChaRandom* random) : mode_(mode), random_(random) {}

  // Virtual address of physical address 0, for memory that ends at `memory_end`. The first to be placed. Nothing if the
  // mode has no room.
  [[nodiscard]] std::optional<uint64_t> place_direct_map(uint64_t memory_end);
  // Virtual address of the image's first byte.
  [[nodiscard]] std::optional<uint64_t> place_image(uint64_t size);
  // The ranges of each CPU, after the image.
  [[nodiscard]] bool place_cpus(const abi::BootRequest& request, uint64_t tls_size,
                                std::span<abi::BootCpu> cpus);

 private:
  static constexpr size_t kMaxPieces = 2 + 3 * abi::BootInfo::kMaxCpus;

  [[nodiscard]] std::optional<uint64_t> draw(uint64_t size, uint64_t alignment);
  [[nodiscard]] std::optional<uint64_t> take(uint64_t begin, uint64_t size);
  [[nodiscard]] std::optional<abi::Range> place_piece(uint64_t size);
  [[nodiscard]] bool touches_another(uint64_t begin, uint64_t size) const;

  paging::Mode mode_;
  random::ChaChaRandom* random_;
  std::array<abi::Range, kMaxPieces> pieces_{};
  size_t count_ = 0;
  uint64_t next_ = 0;  // for fixed places: behind the last piece
};

}  // namespace nacre::loader
