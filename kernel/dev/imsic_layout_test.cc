#include "nacre/kernel/dev/imsic_layout.hh"

#include <gtest/gtest.h>

#include <vector>

#include "blob_builder.hh"

namespace nacre::dev {
namespace {

using Cells = std::vector<uint32_t>;

// A tree with one "imsics" node.
class Machine {
 public:
  // `reg` in pairs of two cells; `harts` entries in "interrupts-extended".
  explicit Machine(const Cells& reg, uint32_t harts) {
    builder_.begin("").cells("#address-cells", {2}).cells("#size-cells", {2});
    builder_.begin("imsics@28000000").cells("reg", reg);
    Cells interrupts;
    for (uint32_t hart = 0; hart < harts; ++hart) interrupts.insert(interrupts.end(), {hart, 9});
    builder_.cells("interrupts-extended", interrupts);
  }
  Machine& with(std::string_view property, uint32_t value) {
    builder_.cells(property, {value});
    return *this;
  }
  Result<ImsicLayout> layout() {
    blob_ = builder_.end().end().token(fdt::BlobBuilder::kEnd).finish();
    tree_ = fdt::Tree::parse(std::as_bytes(std::span(blob_)));
    EXPECT_TRUE(tree_.has_value());
    return ImsicLayout::read(*tree_->find("/imsics"));
  }

 private:
  fdt::BlobBuilder builder_;
  std::string blob_;
  std::expected<fdt::Tree, fdt::TreeError> tree_{std::unexpected(fdt::TreeError::Truncated)};
};

void expect_file(const ImsicLayout& layout, uint32_t place, uint64_t address, uint32_t hart_index) {
  const auto file = layout.file(place);
  ASSERT_TRUE(file.has_value()) << file.error().message();
  EXPECT_EQ(file->address, PhysAddr(address)) << "place " << place;
  EXPECT_EQ(file->hart_index, hart_index) << "place " << place;
}

std::string error_of(const auto& result) {
  return result.has_value() ? "no error" : std::string(result.error().message());
}

TEST(ImsicLayout, OneGroupIsOneFileAPage) {
  Machine machine({0, 0x2800'0000, 0, 0x5000}, 5);
  const auto layout = machine.layout();
  ASSERT_TRUE(layout.has_value());
  EXPECT_FALSE(layout->has_groups());
  for (uint32_t place = 0; place < 5; ++place) {
    expect_file(*layout, place, 0x2800'0000 + uint64_t{0x1000} * place, place);
  }
  EXPECT_EQ(error_of(layout->file(5)), "imsics@28000000: \"reg\" has no file for hart 5 of it");
}

TEST(ImsicLayout, GuestsFilesLieBetween) {
  Machine machine({0, 0x2800'0000, 0, 0x1'0000}, 2);
  const auto layout = machine.with("riscv,guest-index-bits", 3).layout();
  ASSERT_TRUE(layout.has_value());
  expect_file(*layout, 0, 0x2800'0000, 0);
  expect_file(*layout, 1, 0x2800'8000, 1);
  EXPECT_FALSE(layout->file(2).has_value());
}

// Two sockets of two harts, as the emulator describes them.
TEST(ImsicLayout, GroupsAreRangesApart) {
  Machine machine({0, 0x2800'0000, 0, 0x2000, 0, 0x2900'0000, 0, 0x2000}, 4);
  const auto layout = machine.with("riscv,group-index-bits", 1)
                          .with("riscv,group-index-shift", 24)
                          .with("riscv,hart-index-bits", 1)
                          .layout();
  ASSERT_TRUE(layout.has_value());
  EXPECT_TRUE(layout->has_groups());
  expect_file(*layout, 0, 0x2800'0000, 0);
  expect_file(*layout, 1, 0x2800'1000, 1);
  expect_file(*layout, 2, 0x2900'0000, 2);
  expect_file(*layout, 3, 0x2900'1000, 3);
}

// The numbers of harts have gaps where a group is not full, and the groups need not be equal.
TEST(ImsicLayout, GroupsOfThreeAndOneWithGuests) {
  // Four pages a hart; the default shift.
  Machine machine({0, 0x3000'0000, 0, 0xc000, 0, 0x3100'0000, 0, 0x4000}, 4);
  const auto layout = machine.with("riscv,group-index-bits", 2)
                          .with("riscv,guest-index-bits", 2)
                          .with("riscv,hart-index-bits", 2)
                          .layout();
  ASSERT_TRUE(layout.has_value());
  expect_file(*layout, 1, 0x3000'4000, 1);
  expect_file(*layout, 2, 0x3000'8000, 2);
  expect_file(*layout, 3, 0x3100'0000, 4);
  EXPECT_FALSE(layout->file(4).has_value());
}

// Groups may be told apart by bits beyond 32, and the first one listed need not be group 0.
TEST(ImsicLayout, GroupsFarApartAndInAnyOrder) {
  Machine machine({3, 0x4000'0000, 0, 0x2000, 1, 0x4000'0000, 0, 0x2000}, 4);
  const auto layout = machine.with("riscv,group-index-bits", 2)
                          .with("riscv,group-index-shift", 32)
                          .with("riscv,hart-index-bits", 4)
                          .layout();
  ASSERT_TRUE(layout.has_value());
  expect_file(*layout, 0, 0x3'4000'0000, 3 << 4);
  expect_file(*layout, 3, 0x1'4000'1000, 1 << 4 | 1);
}

TEST(ImsicLayout, TheNumberOfHartsGivesTheirBitsIfTheTreeDoesNot) {
  Machine machine({0, 0x2800'0000, 0, 0x3000, 0, 0x2900'0000, 0, 0x3000}, 6);
  const auto layout = machine.with("riscv,group-index-bits", 1).layout();
  ASSERT_TRUE(layout.has_value());
  expect_file(*layout, 2, 0x2800'2000, 2);
  expect_file(*layout, 3, 0x2900'0000, 1 << 3);
}

TEST(ImsicLayout, FilesElsewhereThanTheBitsSayAreRefused) {
  // The second range differs in a bit that belongs to nothing.
  Machine apart({0, 0x2800'0000, 0, 0x2000, 0, 0x2a00'0000, 0, 0x2000}, 4);
  const auto layout =
      apart.with("riscv,group-index-bits", 1).with("riscv,hart-index-bits", 1).layout();
  ASSERT_TRUE(layout.has_value());
  EXPECT_EQ(error_of(layout->file(2)),
            "imsics@28000000: the file of hart 2, at 0x2a000000, is not where hart and group bits "
            "put it");
  // Without groups there may be only one range's worth of harts.
  Machine crowded({0, 0x2800'0000, 0, 0x4000}, 4);
  const auto narrow = crowded.with("riscv,hart-index-bits", 1).layout();
  ASSERT_TRUE(narrow.has_value());
  EXPECT_TRUE(narrow->file(1).has_value());
  EXPECT_FALSE(narrow->file(2).has_value());
}

TEST(ImsicLayout, WrongNumbersOfBitsAreRefused) {
  const Cells reg = {0, 0x2800'0000, 0, 0x2000};
  const auto with = [&](std::vector<std::pair<std::string_view, uint32_t>> properties) {
    Machine machine(reg, 2);
    for (const auto& [name, value] : properties) machine.with(name, value);
    return error_of(machine.layout());
  };
  const std::string_view guest = "riscv,guest-index-bits", group = "riscv,group-index-bits";
  const std::string_view shift = "riscv,group-index-shift", hart = "riscv,hart-index-bits";
  EXPECT_EQ(with({{guest, 8}}), "imsics@28000000: too many guest index bits");
  EXPECT_EQ(with({{group, 8}}), "imsics@28000000: too many group index bits");
  EXPECT_EQ(with({{hart, 15}}), "imsics@28000000: too many hart index bits");
  EXPECT_EQ(with({{hart, 12}, {group, 3}}), "imsics@28000000: too many hart index bits");
  EXPECT_EQ(with({{hart, ~0u}, {group, 7}}), "imsics@28000000: too many hart index bits");
  EXPECT_EQ(with({{group, 1}, {shift, 56}}), "imsics@28000000: too large a group shift");
  EXPECT_EQ(with({{group, 1}, {shift, 13}, {hart, 2}}),
            "imsics@28000000: the groups' bits overlap those of harts or guests");
  EXPECT_EQ(with({{group, 1}, {shift, 14}, {hart, 2}}), "no error");
}

TEST(ImsicLayout, ATreeWithoutFilesIsRefused) {
  Machine machine({}, 1);
  const auto layout = machine.layout();
  ASSERT_TRUE(layout.has_value());
  EXPECT_FALSE(layout->file(0).has_value());
}

}  // namespace
}  // namespace nacre::dev
