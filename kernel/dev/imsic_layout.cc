#include "nacre/kernel/dev/imsic_layout.hh"

#include <bit>

#include "nacre/base/core/format.hh"
#include "nacre/kernel/dev/imsic.hh"

namespace nacre::dev {
namespace {

// Section 3.6 and the tree's binding: guests 0 to 63 and so on. An APLIC's number of a hart has 14 bits (target, section 4.5.16).
constexpr uint32_t kMaxGuestBits = 7;
constexpr uint32_t kMaxGroupBits = 7;
constexpr uint32_t kMaxHartBits = 14;
constexpr uint32_t kMaxGroupShift = 55;
constexpr uint32_t kDefaultGroupShift = 24;
constexpr uint32_t kPageShift = 12;
static_assert(kImsicFileBytes == uint64_t{1} << kPageShift);

constexpr uint64_t low_bits(uint32_t count) {
  return (uint64_t{1} << count) - 1;
}

// As many as tell that many harts apart, when the tree does not say.
uint32_t bits_for_harts(const fdt::Node& imsics) {
  uint32_t harts = 0;
  while (cell_of(imsics, "interrupts-extended", 2 * size_t{harts})) ++harts;
  return harts < 2 ? 0 : static_cast<uint32_t>(std::bit_width(harts - 1));
}

std::unexpected<Error> malformed(const fdt::Node& imsics, std::string_view what) {
  return fail(ErrorCode::Malformed, format("{}: {}", imsics.name(), what));
}

}  // namespace

std::optional<uint32_t> cell_of(const fdt::Node& node, std::string_view property, size_t index) {
  const auto found = node.property(property);
  if (!found) return std::nullopt;
  const auto bytes = found->data();
  if (bytes.size() / sizeof(uint32_t) <= index) return std::nullopt;
  uint32_t cell = 0;
  for (const std::byte byte : bytes.subspan(index * sizeof cell, sizeof cell)) {
    cell = cell << 8 | std::to_integer<uint32_t>(byte);
  }
  return cell;
}

Result<ImsicLayout> ImsicLayout::read(const fdt::Node& imsics) {
  ImsicLayout layout(imsics);
  const auto number = [&](std::string_view property, uint32_t otherwise) {
    return cell_of(imsics, property, 0).value_or(otherwise);
  };
  layout.guest_bits_ = number("riscv,guest-index-bits", 0);
  layout.group_bits_ = number("riscv,group-index-bits", 0);
  layout.group_shift_ = number("riscv,group-index-shift", kDefaultGroupShift);
  layout.hart_bits_ = number("riscv,hart-index-bits", bits_for_harts(imsics));
  if (layout.guest_bits_ > kMaxGuestBits) return malformed(imsics, "too many guest index bits");
  if (layout.group_bits_ > kMaxGroupBits) return malformed(imsics, "too many group index bits");
  if (layout.hart_bits_ > kMaxHartBits || layout.hart_bits_ + layout.group_bits_ > kMaxHartBits) {
    return malformed(imsics, "too many hart index bits");
  }
  if (!layout.has_groups()) return layout;
  if (layout.group_shift_ > kMaxGroupShift) return malformed(imsics, "too large a group shift");
  if (layout.group_shift_ < kPageShift + layout.guest_bits_ + layout.hart_bits_) {
    return malformed(imsics, "the groups' bits overlap those of harts or guests");
  }
  return layout;
}

// The ranges of "reg" one behind the other, a hart's files together.
std::optional<uint64_t> ImsicLayout::address_of(uint32_t place) const {
  uint64_t offset = uint64_t{place} << (kPageShift + guest_bits_);
  for (size_t i = 0;; ++i) {
    const auto region = imsics_.region(i);
    if (!region) return std::nullopt;
    if (offset < region->size) return region->address + offset;
    offset -= region->size;
  }
}

Result<ImsicLayout::File> ImsicLayout::file(uint32_t place) const {
  const auto first = address_of(0);
  const auto address = address_of(place);
  if (!first || !address) {
    return malformed(imsics_, format("\"reg\" has no file for hart {} of it", place));
  }
  const uint32_t hart_shift = kPageShift + guest_bits_;
  const uint64_t hart_mask = low_bits(hart_bits_) << hart_shift;
  const uint64_t group_mask = has_groups() ? low_bits(group_bits_) << group_shift_ : 0;
  const uint64_t base = *first & ~(hart_mask | group_mask);
  if ((*address & ~(hart_mask | group_mask)) != base) {
    return malformed(
        imsics_, format("the file of hart {}, at 0x{:x}, is not where hart and group bits put it",
                        place, *address));
  }
  const uint64_t hart = (*address & hart_mask) >> hart_shift;
  const uint64_t group = has_groups() ? (*address & group_mask) >> group_shift_ : 0;
  return File{PhysAddr(*address), static_cast<uint32_t>(group << hart_bits_ | hart)};
}

}  // namespace nacre::dev
