// The builtins that need no privilege: bulk operations on memories and tables (core
// specification 2.0, §4.4.5 and §4.4.7). They run in user mode on the guest's stack, so they keep
// no state, call nothing, and decide only for the guest itself: the definitions they read lie in
// the guest's own memory.
//
// All return 0 when done and 1 when out of bounds, before anything was written. Offsets and lengths
// are 32 bits, so their sums cannot wrap in 64.

#include "nacre/engine/urt/builtins.hh"

namespace {

using namespace nacre::abi;

constexpr uint64_t kDone = 0;
constexpr uint64_t kOutOfBounds = 1;

// Eight bytes at any alignment; one instruction, as in compiled code.
using Word [[gnu::may_alias, gnu::aligned(1)]] = uint64_t;
using Byte = uint8_t;

inline Byte* pointer(uint64_t address) {
  // SAFETY: the address is a definition's base plus an offset that was checked against its length.
  return reinterpret_cast<Byte*>(address);
}
inline Word& word(Byte* at) {
  // SAFETY: Word may alias anything and needs no alignment.
  return *reinterpret_cast<Word*>(at);
}

inline bool fits(uint64_t offset, uint64_t size, uint64_t length) {
  return offset + size <= length;
}

// From the lowest address up: for dst ≤ src, or no overlap.
inline void copy_up(Byte* dst, Byte* src, uint64_t size) {
  Byte* const end = dst + size;
  while (end - dst >= 32) {
    const uint64_t a = word(src);
    const uint64_t b = word(src + 8);
    const uint64_t c = word(src + 16);
    const uint64_t d = word(src + 24);
    word(dst) = a;
    word(dst + 8) = b;
    word(dst + 16) = c;
    word(dst + 24) = d;
    src += 32;
    dst += 32;
  }
  for (; end - dst >= 8; src += 8, dst += 8) word(dst) = word(src);
  for (; dst != end; ++src, ++dst) *dst = *src;
}

// From the highest address down: for dst > src.
inline void copy_down(Byte* dst, Byte* src, uint64_t size) {
  Byte* const begin = dst;
  dst += size;
  src += size;
  while (dst - begin >= 32) {
    src -= 32;
    dst -= 32;
    const uint64_t a = word(src + 24);
    const uint64_t b = word(src + 16);
    const uint64_t c = word(src + 8);
    const uint64_t d = word(src);
    word(dst + 24) = a;
    word(dst + 16) = b;
    word(dst + 8) = c;
    word(dst) = d;
  }
  while (dst - begin >= 8) {
    src -= 8;
    dst -= 8;
    word(dst) = word(src);
  }
  while (dst != begin) *--dst = *--src;
}

inline void move(uint64_t dst, uint64_t src, uint64_t size) {
  // One comparison tells whether dst lies inside [src, src + size): only then must the copy go
  // downwards.
  if (dst - src < size) {
    copy_down(pointer(dst), pointer(src), size);
  } else {
    copy_up(pointer(dst), pointer(src), size);
  }
}

inline void fill_words(Byte* at, Byte* end, uint64_t value) {
  for (; end - at >= 32; at += 32) {
    word(at) = value;
    word(at + 8) = value;
    word(at + 16) = value;
    word(at + 24) = value;
  }
  for (; end - at >= 8; at += 8) word(at) = value;
}

}  // namespace

uint64_t nacre_urt_memory_copy(const MemoryDefinition* dst_memory,
                               const MemoryDefinition* src_memory, uint32_t dst, uint32_t src,
                               uint32_t size) {
  if (!fits(dst, size, dst_memory->length) || !fits(src, size, src_memory->length))
    return kOutOfBounds;
  move(dst_memory->base + dst, src_memory->base + src, size);
  return kDone;
}

uint64_t nacre_urt_memory_fill(const MemoryDefinition* memory, uint32_t dst, uint32_t value,
                               uint32_t size) {
  if (!fits(dst, size, memory->length)) return kOutOfBounds;
  Byte* at = pointer(memory->base + dst);
  Byte* const end = at + size;
  const uint64_t pattern = uint64_t{value & 0xff} * 0x0101010101010101;
  fill_words(at, end, pattern);
  for (at = end - (size & 7); at != end; ++at) *at = static_cast<Byte>(value);
  return kDone;
}

uint64_t nacre_urt_memory_init(const MemoryDefinition* memory, const SegmentDefinition* segment,
                               uint32_t dst, uint32_t src, uint32_t size) {
  if (!fits(dst, size, memory->length) || !fits(src, size, segment->length)) return kOutOfBounds;
  copy_up(pointer(memory->base + dst), pointer(segment->base + src), size);
  return kDone;
}

uint64_t nacre_urt_table_copy(const TableDefinition* dst_table, const TableDefinition* src_table,
                              uint32_t dst, uint32_t src, uint32_t count) {
  if (!fits(dst, count, dst_table->length) || !fits(src, count, src_table->length))
    return kOutOfBounds;
  move(dst_table->base + 8 * uint64_t{dst}, src_table->base + 8 * uint64_t{src},
       8 * uint64_t{count});
  return kDone;
}

uint64_t nacre_urt_table_fill(const TableDefinition* table, uint32_t dst, uint64_t reference,
                              uint32_t count) {
  if (!fits(dst, count, table->length)) return kOutOfBounds;
  Byte* at = pointer(table->base + 8 * uint64_t{dst});
  fill_words(at, at + 8 * uint64_t{count}, reference);
  return kDone;
}

uint64_t nacre_urt_table_init(const TableDefinition* table, const SegmentDefinition* segment,
                              uint32_t dst, uint32_t src, uint32_t count) {
  if (!fits(dst, count, table->length) || !fits(src, count, segment->length)) return kOutOfBounds;
  copy_up(pointer(table->base + 8 * uint64_t{dst}), pointer(segment->base + 8 * uint64_t{src}),
          8 * uint64_t{count});
  return kDone;
}
