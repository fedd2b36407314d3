// Where the supervisor interrupt files of a machine's IMSICs lie, as the device tree says, and by which number an APLIC that sends
// messages knows the hart of each.
//
// RISC-V Advanced Interrupt Architecture 1.0, section 3.6: a file's address is
//
//   base | group << group_shift | hart << (12 + guest_bits)        (file 0 of a hart; guests' files are the pages behind it)
//
// where `hart` counts within the group. An APLIC puts the address together itself, from one number, group << hart_bits | hart
// (section 4.9.1). In the tree ("riscv,imsics") "reg" has the files of one group behind the other, in the order of
// "interrupts-extended", whose entries are the harts; a place is an index there.
#pragma once

#include <cstdint>
#include <optional>

#include "nacre/base/core/address.hh"
#include "nacre/base/core/error.hh"
#include "nacre/base/fdt/tree.hh"

namespace nacre::dev {

// The index-th cell of a property; nothing if there is no such one.
[[nodiscard]] std::optional<uint32_t> cell_of(const fdt::Node& node, std::string_view property,
                                              size_t index);

class ImsicLayout {
 public:
  struct File {
    PhysAddr address;     // of its page
    uint32_t hart_index;  // what an APLIC calls its hart, below 2^14
  };

  // The tree must outlive it. Malformed if the bits of hart, group and guests overlap or are more than the architecture has.
  [[nodiscard]] static Result<ImsicLayout> read(const fdt::Node& imsics);

  // Malformed if "reg" has no such file, or has it elsewhere than the bits say.
  [[nodiscard]] Result<File> file(uint32_t place) const;

  [[nodiscard]] bool has_groups() const noexcept { return group_bits_ != 0; }

 private:
  explicit ImsicLayout(const fdt::Node& imsics) : imsics_(imsics) {}
  [[nodiscard]] std::optional<uint64_t> address_of(uint32_t place) const;

  fdt::Node imsics_;
  uint32_t guest_bits_ = 0;
  uint32_t hart_bits_ = 0;
  uint32_t group_bits_ = 0;
  uint32_t group_shift_ = 0;
};

}  // namespace nacre::dev
