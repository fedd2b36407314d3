// RISC-V page-table entries and modes. RISC-V Privileged Architecture 1.12, sections 4.1.11 (satp)
// and 4.3 to 4.6 (Sv32 to Sv57).
//
// Levels count from the leaves: a level-0 entry spans 4 KiB, level 1 2 MiB, level 2 1 GiB; the root
// is the highest level.
#pragma once

#include <cstdint>

#include "nacre/base/core/address.hh"

namespace nacre::paging {

// The values are those of satp.MODE.
enum class Mode : uint8_t { Sv39 = 8, Sv48 = 9, Sv57 = 10 };

// Writable and executable does not exist.
enum class Access : uint8_t { Read, ReadWrite, ReadExecute };
enum class Privilege : uint8_t { Supervisor, User };
// Global translations hold in every address space and are not tagged by an ASID.
enum class Sharing : uint8_t { Local, Global };

struct Attributes {
  Access access = Access::Read;
  Privilege privilege = Privilege::Supervisor;
  Sharing sharing = Sharing::Local;

  constexpr bool operator==(const Attributes&) const = default;
};

inline constexpr unsigned kIndexBits = 9;
inline constexpr unsigned kEntriesPerTable = 1u << kIndexBits;
inline constexpr unsigned kMaxLevels = 5;
// Leaves of 512 GiB and more are legal, but nothing we map is that large and that aligned.
inline constexpr unsigned kMaxLeafLevel = 2;

// Table levels: 3, 4 or 5.
[[nodiscard]] constexpr unsigned levels_of(Mode mode) {
  return static_cast<unsigned>(mode) - 5;
}
[[nodiscard]] constexpr unsigned address_bits(Mode mode) {
  return static_cast<unsigned>(kPageShift) + kIndexBits * levels_of(mode);
}
// Bytes that one entry of a level spans.
[[nodiscard]] constexpr uint64_t span_of_level(unsigned level) {
  return kPageSize << (kIndexBits * level);
}
// The lower half is [0, lower_half_end), the upper half [upper_half_begin, 2^64).
[[nodiscard]] constexpr uint64_t lower_half_end(Mode mode) {
  return uint64_t{1} << (address_bits(mode) - 1);
}
[[nodiscard]] constexpr uint64_t upper_half_begin(Mode mode) {
  return uint64_t{0} - lower_half_end(mode);
}
[[nodiscard]] constexpr bool is_canonical(Mode mode, uint64_t address) {
  return address < lower_half_end(mode) || address >= upper_half_begin(mode);
}
[[nodiscard]] constexpr unsigned table_index(uint64_t address, unsigned level) {
  return static_cast<unsigned>(address >> (kPageShift + kIndexBits * level)) &
         (kEntriesPerTable - 1);
}
[[nodiscard]] constexpr uint64_t make_satp(Mode mode, uint16_t asid, PhysAddr root) {
  return uint64_t{static_cast<uint8_t>(mode)} << 60 | uint64_t{asid} << 44 |
         root.value() >> kPageShift;
}

// One 8-byte entry. Accessed and dirty are preset in leaves, so that no machine faults to have them
// set.
class Entry {
 public:
  constexpr Entry() = default;
  constexpr explicit Entry(uint64_t bits) : bits_(bits) {}

  static constexpr Entry table(PhysAddr frame) { return Entry(number_bits(frame) | kValid); }
  static constexpr Entry leaf(PhysAddr frame, Attributes attributes) {
    uint64_t bits = number_bits(frame) | kValid | kRead | kAccessed;
    if (attributes.access == Access::ReadWrite) bits |= kWrite | kDirty;
    if (attributes.access == Access::ReadExecute) bits |= kExecute;
    if (attributes.privilege == Privilege::User) bits |= kUser;
    if (attributes.sharing == Sharing::Global) bits |= kGlobal;
    return Entry(bits);
  }

  [[nodiscard]] constexpr uint64_t bits() const { return bits_; }
  [[nodiscard]] constexpr bool is_valid() const { return (bits_ & kValid) != 0; }
  // An entry with any permission is a leaf, one with none points to the next table.
  [[nodiscard]] constexpr bool is_leaf() const {
    return is_valid() && (bits_ & (kRead | kWrite | kExecute)) != 0;
  }
  [[nodiscard]] constexpr bool is_table() const { return is_valid() && !is_leaf(); }
  [[nodiscard]] constexpr PhysAddr frame() const {
    return PhysAddr((bits_ >> kNumberShift & kNumberMask) << kPageShift);
  }
  [[nodiscard]] constexpr Attributes attributes() const {
    Attributes attributes;
    if (bits_ & kWrite) attributes.access = Access::ReadWrite;
    if (bits_ & kExecute) attributes.access = Access::ReadExecute;
    if (bits_ & kUser) attributes.privilege = Privilege::User;
    if (bits_ & kGlobal) attributes.sharing = Sharing::Global;
    return attributes;
  }
  constexpr bool operator==(const Entry&) const = default;

 private:
  static constexpr uint64_t kValid = 1 << 0;
  static constexpr uint64_t kRead = 1 << 1;
  static constexpr uint64_t kWrite = 1 << 2;
  static constexpr uint64_t kExecute = 1 << 3;
  static constexpr uint64_t kUser = 1 << 4;
  static constexpr uint64_t kGlobal = 1 << 5;
  static constexpr uint64_t kAccessed = 1 << 6;
  static constexpr uint64_t kDirty = 1 << 7;
  static constexpr unsigned kNumberShift = 10;
  static constexpr uint64_t kNumberMask = (uint64_t{1} << 44) - 1;

  static constexpr uint64_t number_bits(PhysAddr frame) {
    return (frame.value() >> kPageShift) << kNumberShift;
  }

  uint64_t bits_ = 0;
};
static_assert(sizeof(Entry) == 8);

}  // namespace nacre::paging
