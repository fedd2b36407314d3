// The structures of an ELF64 file that we read. Names and values as in the gABI and the RISC-V ELF
// psABI.
#pragma once

#include <cstdint>

namespace nacre::elf {

struct FileHeader {
  uint8_t identification[16];
  uint16_t type;
  uint16_t machine;
  uint32_t version;
  uint64_t entry;
  uint64_t program_headers;
  uint64_t section_headers;
  uint32_t flags;
  uint16_t header_size;
  uint16_t program_header_size;
  uint16_t program_header_count;
  uint16_t section_header_size;
  uint16_t section_header_count;
  uint16_t section_names;
};
static_assert(sizeof(FileHeader) == 64);
inline constexpr uint16_t kMachineRiscV = 243;

struct ProgramHeader {
  uint32_t type;
  uint32_t flags;
  uint64_t offset;
  uint64_t virtual_address;
  uint64_t physical_address;
  uint64_t file_size;
  uint64_t memory_size;
  uint64_t alignment;
};
static_assert(sizeof(ProgramHeader) == 56);
inline constexpr uint32_t kSegmentLoad = 1;
inline constexpr uint32_t kSegmentDynamic = 2;
inline constexpr uint32_t kSegmentTls = 7;
inline constexpr uint32_t kSegmentRelro = 0x6474e552;
inline constexpr uint32_t kFlagExecute = 1;
inline constexpr uint32_t kFlagWrite = 2;

struct SectionHeader {
  uint32_t name;
  uint32_t type;
  uint64_t flags;
  uint64_t address;
  uint64_t offset;
  uint64_t size;
  uint32_t link;
  uint32_t info;
  uint64_t alignment;
  uint64_t entry_size;
};
static_assert(sizeof(SectionHeader) == 64);
// Ours: the table for backtraces (line_table.hh), put there by cmake/NacreKernel.cmake.
inline constexpr uint32_t kSectionLines = 0x80006c6e;

struct DynamicEntry {
  int64_t tag;
  uint64_t value;
};
inline constexpr int64_t kDynamicRela = 7;
inline constexpr int64_t kDynamicRelaSize = 8;
inline constexpr int64_t kDynamicRelrSize = 35;
inline constexpr int64_t kDynamicRelr = 36;

struct Rela {
  uint64_t offset;
  uint64_t info;
  int64_t addend;
};
static_assert(sizeof(Rela) == 24);
inline constexpr uint32_t kRelocationRelative = 3;  // R_RISCV_RELATIVE

}  // namespace nacre::elf
