// The portable builtins as C functions, see abi::Builtin for their contract. In the kernel build
// they are part of the user runtime's image; a host process links them and calls them in place.
#pragma once

#include <cstdint>

#include "nacre/abi/vm_context.hh"

extern "C" {

uint64_t nacre_urt_memory_copy(const nacre::abi::MemoryDefinition* dst_memory,
                               const nacre::abi::MemoryDefinition* src_memory, uint32_t dst,
                               uint32_t src, uint32_t size);
uint64_t nacre_urt_memory_fill(const nacre::abi::MemoryDefinition* memory, uint32_t dst,
                               uint32_t value, uint32_t size);
uint64_t nacre_urt_memory_init(const nacre::abi::MemoryDefinition* memory,
                               const nacre::abi::SegmentDefinition* segment, uint32_t dst,
                               uint32_t src, uint32_t size);
uint64_t nacre_urt_table_copy(const nacre::abi::TableDefinition* dst_table,
                              const nacre::abi::TableDefinition* src_table, uint32_t dst,
                              uint32_t src, uint32_t count);
uint64_t nacre_urt_table_fill(const nacre::abi::TableDefinition* table, uint32_t dst,
                              uint64_t reference, uint32_t count);
uint64_t nacre_urt_table_init(const nacre::abi::TableDefinition* table,
                              const nacre::abi::SegmentDefinition* segment, uint32_t dst,
                              uint32_t src, uint32_t count);

}  // extern "C"
