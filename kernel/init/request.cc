// What this kernel asks of the loader. A kernel of its own kind defines nacre_boot_request itself, and this file stays out.
#include "nacre/abi/boot_info.hh"
#include "nacre/abi/boot_request.hh"

extern "C" [[gnu::section(".rodata.nacre_request"),
             gnu::used]] constinit const nacre::abi::BootRequest nacre_boot_request = {
    .magic = nacre::abi::BootRequest::kMagic,
    .version = nacre::abi::BootInfo::kVersion,
    .size = sizeof(nacre::abi::BootRequest),
    .boot_stack_pages = 64,
    .emergency_stack_pages = 8,
    .heap_bytes = 8 << 20,
    .paging_modes = 1 << 8 | 1 << 9 | 1 << 10,
    .placement = nacre::abi::BootRequest::Random,
};
