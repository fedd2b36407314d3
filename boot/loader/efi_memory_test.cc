#include "efi_memory.hh"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "blob_builder.hh"
#include "nacre/base/core/address.hh"

namespace nacre::loader::efi {
namespace {

using abi::MemoryKind;

// A map with descriptors of any stride, the way firmware hands it over.
class Descriptors {
 public:
  explicit Descriptors(size_t stride = sizeof(MemoryDescriptor)) : stride_(stride) {}

  Descriptors& add(uint32_t type, uint64_t physical, uint64_t pages) {
    const MemoryDescriptor descriptor = {static_cast<MemoryType>(type), 0, physical, 0, pages, 8};
    const size_t at = bytes_.size();
    bytes_.resize(at + stride_, std::byte{0xee});
    std::memcpy(bytes_.data() + at, &descriptor, sizeof descriptor);
    return *this;
  }
  [[nodiscard]] MemoryMapView view() const { return {bytes_, stride_}; }

 private:
  size_t stride_;
  std::vector<std::byte> bytes_;
};

// A device tree with memory that must not count, and two reservations.
std::string make_tree(uint64_t reserved) {
  fdt::BlobBuilder builder;
  builder.reserve(reserved, 0x1000);
  builder.begin("").cells("#address-cells", {2}).cells("#size-cells", {2});
  builder.begin("memory@0").text("device_type", "memory").cells("reg", {0, 0, 1, 0}).end();
  builder.begin("reserved-memory").cells("#address-cells", {2}).cells("#size-cells", {2});
  builder.begin("secure@80003000").cells("reg", {0, 0x80003000, 0, 0x1000}).end().end();
  builder.end().token(fdt::BlobBuilder::kEnd);
  return builder.finish();
}

fdt::Tree parse(const std::string& blob) {
  return fdt::Tree::parse(std::as_bytes(std::span(blob))).value();
}

MemoryKind kind_at(const MemoryMap& map, uint64_t address) {
  for (const abi::MemoryRegion& region : map.regions()) {
    if (address - region.base < region.size) return region.kind;
  }
  return MemoryKind::Firmware;
}

TEST(EfiMemory, OnlyWhatFirmwareLeavesIsUsed) {
  constexpr bool kFree[] = {false, true,  true,  true,  true,  false, false, true,
                            false, false, false, false, false, false, false, false};
  for (uint32_t type = 0; type < std::size(kFree); ++type) {
    EXPECT_EQ(is_free_after_exit(static_cast<MemoryType>(type)), kFree[type]) << type;
  }
  EXPECT_FALSE(is_free_after_exit(static_cast<MemoryType>(0x80000001))) << "an OEM's";
}

TEST(EfiMemory, NeighboursAreJoinedAndTheRestIsLeftOut) {
  const std::string blob = make_tree(0x9000'0000);
  MemoryMap map;
  const auto memory = Descriptors(48)
                          .add(7, 0x8000'0000, 3)
                          .add(4, 0x8000'4000, 2)
                          .add(6, 0x8000'6000, 1)  // runtime services
                          .add(1, 0x8000'7000, 1)
                          .add(11, 0x1000'0000, 1)  // registers
                          .add(9, 0x8000'8000, 1);  // ACPI tables
  ASSERT_EQ(describe_memory(memory.view(), parse(blob), map), PaintStatus::Done);
  ASSERT_EQ(map.regions().size(), 3u);
  EXPECT_EQ(map.regions()[0].size, 0x3000u);
  EXPECT_EQ(map.regions()[1].base, 0x8000'4000u);
  EXPECT_EQ(map.regions()[1].size, 0x2000u);
  EXPECT_EQ(map.regions()[2].base, 0x8000'7000u);
  EXPECT_EQ(map.regions()[2].size, 0x1000u);
}

TEST(EfiMemory, TheDeviceTreesReservationsCountToo) {
  const std::string blob = make_tree(0x8000'1000);
  MemoryMap map;
  ASSERT_EQ(describe_memory(Descriptors().add(7, 0x8000'0000, 8).view(), parse(blob), map),
            PaintStatus::Done);
  EXPECT_EQ(kind_at(map, 0x8000'0000), MemoryKind::Usable);
  EXPECT_EQ(kind_at(map, 0x8000'1000), MemoryKind::Firmware);
  EXPECT_EQ(kind_at(map, 0x8000'2000), MemoryKind::Usable);
  EXPECT_EQ(kind_at(map, 0x8000'3000), MemoryKind::Firmware);
  EXPECT_EQ(kind_at(map, 0x8000'4000), MemoryKind::Usable);
}

// Whatever the descriptors say, also where they overlap: a page is used only if one of them gives it and none keeps it.
TEST(EfiMemory, WhatAnyDescriptorKeepsIsNotUsed) {
  std::mt19937_64 random(4);
  const std::string blob = make_tree(0x9000'0000);
  const fdt::Tree tree = parse(blob);
  constexpr uint64_t kPages = 64;
  for (unsigned round = 0; round < 2000; ++round) {
    Descriptors memory;
    std::vector<bool> given(kPages);
    std::vector<bool> kept(kPages);
    for (unsigned i = 0; i < 10; ++i) {
      const auto type = static_cast<uint32_t>(random() % 16);
      const uint64_t first = random() % kPages;
      // Now and then a size that goes round the end of the address space.
      const uint64_t pages = random() % 20 == 0 ? ~uint64_t{0} : random() % 12;
      memory.add(type, first * kPageSize, pages);
      for (uint64_t page = first; page < kPages && page - first < pages; ++page) {
        (is_free_after_exit(static_cast<MemoryType>(type)) ? given : kept)[page] = true;
      }
    }
    MemoryMap map;
    ASSERT_EQ(describe_memory(memory.view(), tree, map), PaintStatus::Done);
    for (uint64_t page = 0; page < kPages; ++page) {
      ASSERT_EQ(kind_at(map, page * kPageSize) == MemoryKind::Usable, given[page] && !kept[page]);
    }
  }
}

TEST(EfiMemory, AStrideThatIsTooSmallIsNoMap) {
  const std::vector<std::byte> bytes(400);
  EXPECT_EQ(MemoryMapView(bytes, 0).size(), 0u);
  EXPECT_EQ(MemoryMapView(bytes, 39).size(), 0u);
  EXPECT_EQ(MemoryMapView(bytes, 48).size(), 8u);
}

}  // namespace
}  // namespace nacre::loader::efi
