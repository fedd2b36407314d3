// The few structures and functions of UEFI that the loader calls (UEFI 2.10; sections at each). Members that are not used
// are there for the layout only. Without EFIAPI: on RISC-V it is the ordinary calling convention (2.3.7).
#pragma once

#include <cstddef>
#include <cstdint>

namespace nacre::loader::efi {

using Handle = void*;
using Status = uint64_t;
inline constexpr Status kSuccess = 0;
inline constexpr Status kNotFound = uint64_t{1} << 63 | 14;

struct Guid {
  uint32_t a;
  uint16_t b;
  uint16_t c;
  uint8_t d[8];
  bool operator==(const Guid&) const = default;
};

// 4.6: the flattened device tree's configuration table; 9.1; 13.4; 37.5.
inline constexpr Guid kDeviceTreeTable = {
    0xb1b621d5, 0xf19c, 0x41a5, {0x83, 0x0b, 0xd9, 0x15, 0x2c, 0x69, 0xaa, 0xe0}};
inline constexpr Guid kLoadedImage = {
    0x5b1b31a1, 0x9562, 0x11d2, {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
inline constexpr Guid kFileSystem = {
    0x964e5b22, 0x6459, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
inline constexpr Guid kRandom = {
    0x3152bca5, 0xeade, 0x433d, {0x86, 0x2e, 0xc0, 0x1c, 0xdc, 0x29, 0x1f, 0x44}};
// RISC-V UEFI Protocol Specification 1.0, 2.
inline constexpr Guid kRiscvBoot = {
    0xccd15fec, 0x6f73, 0x4eec, {0x83, 0x95, 0x3e, 0x69, 0xe4, 0xb9, 0x40, 0xbf}};

struct TableHeader {
  uint64_t signature;
  uint32_t revision;
  uint32_t size;
  uint32_t crc;
  uint32_t reserved;
};

// 12.4
struct TextOutput {
  void* reset;
  Status (*output_string)(TextOutput*, const char16_t*);
};

// 4.4
struct BootServices {
  TableHeader header;
  void* task_priority[2];
  Status (*allocate_pages)(uint32_t how, uint32_t type, uint64_t pages, uint64_t* address);
  Status (*free_pages)(uint64_t address, uint64_t pages);
  Status (*get_memory_map)(uint64_t* size, void* map, uint64_t* key, uint64_t* descriptor_size,
                           uint32_t* descriptor_version);
  void* pools[2];
  void* events[6];
  void* install_protocol[3];
  Status (*handle_protocol)(Handle, const Guid*, void** interface);
  void* reserved;
  void* locate[4];
  void* images[4];
  Status (*exit_boot_services)(Handle image, uint64_t map_key);
  void* miscellaneous[3];
  void* controllers[2];
  void* open_protocol[3];
  void* handles[2];
  Status (*locate_protocol)(const Guid*, void* registration, void** interface);
};
static_assert(offsetof(BootServices, allocate_pages) == 40);
static_assert(offsetof(BootServices, get_memory_map) == 56);
static_assert(offsetof(BootServices, handle_protocol) == 152);
static_assert(offsetof(BootServices, exit_boot_services) == 232);
static_assert(offsetof(BootServices, locate_protocol) == 320);
inline constexpr uint32_t kAllocateAnyPages = 0;

// 4.6
struct ConfigurationTable {
  Guid guid;
  void* table;
};

// 4.3
struct SystemTable {
  TableHeader header;
  const char16_t* vendor;
  uint32_t revision;
  Handle input_handle;
  void* input;
  Handle output_handle;
  TextOutput* output;
  Handle error_handle;
  TextOutput* error_output;
  void* runtime_services;
  BootServices* boot_services;
  uint64_t table_count;
  const ConfigurationTable* tables;
};
static_assert(offsetof(SystemTable, output) == 64);
static_assert(offsetof(SystemTable, boot_services) == 96);
static_assert(offsetof(SystemTable, tables) == 112);

// 9.1
struct LoadedImage {
  uint32_t revision;
  Handle parent;
  SystemTable* system;
  Handle device;
  void* file_path;
  void* reserved;
  uint32_t options_size;  // bytes
  const char16_t* options;
};
static_assert(offsetof(LoadedImage, options) == 56);

// 13.5
struct File {
  uint64_t revision;
  Status (*open)(File*, File** opened, const char16_t* name, uint64_t mode, uint64_t attributes);
  Status (*close)(File*);
  void* remove;
  Status (*read)(File*, uint64_t* size, void* buffer);
  void* write;
  Status (*get_position)(File*, uint64_t* position);
  Status (*set_position)(File*, uint64_t position);
};
inline constexpr uint64_t kRead = 1;
inline constexpr uint64_t kEndOfFile = ~uint64_t{0};  // for set_position

// 13.4
struct FileSystem {
  uint64_t revision;
  Status (*open_volume)(FileSystem*, File** root);
};

// 37.5
struct Random {
  void* get_info;
  Status (*get)(Random*, const Guid* algorithm, uint64_t size, uint8_t* out);
};

struct RiscvBoot {
  uint64_t revision;
  Status (*get_boot_hart)(RiscvBoot*, uint64_t* hart);
};

}  // namespace nacre::loader::efi
