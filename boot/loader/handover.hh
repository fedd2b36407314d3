// What the loader learns from whoever started it: firmware with a hart id and a device tree, or UEFI (efi_main.cc) with more.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "efi_memory.hh"
#include "nacre/abi/boot_info.hh"

namespace nacre::loader {

struct Handover {
  uint64_t hart = 0;
  uint64_t device_tree = 0;  // physical address
  uint64_t ticks = 0;        // `time` when the loader was entered

  // The rest is empty without UEFI.
  efi::MemoryMapView memory{};   // instead of the device tree's memory nodes
  abi::Range archive{};          // physical; takes the place of the device tree's initrd
  std::string_view arguments{};  // behind those of the device tree
  std::array<uint8_t, 32> seed{};
  size_t seed_size = 0;
};

}  // namespace nacre::loader
