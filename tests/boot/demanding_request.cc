// What a kernel may ask for that is not the system's: larger stacks, much memory, one translation mode, fixed places.
#include "nacre/abi/boot_info.hh"
#include "nacre/abi/boot_request.hh"

extern "C" [[gnu::section(".rodata.nacre_request"),
             gnu::used]] constinit const nacre::abi::BootRequest nacre_boot_request = {
    .magic = nacre::abi::BootRequest::kMagic,
    .version = nacre::abi::BootInfo::kVersion,
    .size = sizeof(nacre::abi::BootRequest),
    .boot_stack_pages = 100,
    .emergency_stack_pages = 16,
    .heap_bytes = 128 << 20,
    .paging_modes = 1 << 9,
    .placement = nacre::abi::BootRequest::Fixed,
};
