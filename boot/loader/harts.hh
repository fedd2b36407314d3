// Which harts the machine has. Their ids need not be dense.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "nacre/abi/boot_info.hh"
#include "nacre/base/fdt/tree.hh"

namespace nacre::loader {

struct HartList {
  std::array<uint64_t, abi::BootInfo::kMaxCpus> ids{};
  size_t count = 0;
  size_t left_out = 0;  // enabled harts beyond the limit

  [[nodiscard]] std::span<const uint64_t> all() const { return std::span(ids).first(count); }
};

// The boot hart first, then every other enabled hart of the device tree, in its order. The boot hart is there even if the
// tree does not name it.
[[nodiscard]] HartList find_harts(const fdt::Tree& tree, uint64_t boot_hart);

}  // namespace nacre::loader
