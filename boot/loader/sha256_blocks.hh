// SHA-256's compression (FIPS 180-4, 6.2.2) of whole blocks, twice: what the loader runs, and the same to read, which takes its
// place in tests on the host. Both take a state of 8 words and `count` blocks of 64 bytes, at least one, at any address.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace nacre::loader {

// FIPS 180-4, 4.2.2. Hidden, as what is named for the assembler must be: addresses are computed, not relocated.
extern "C" [[gnu::visibility("hidden")]] const std::array<uint32_t, 64> nacre_sha256_constants;

// sha256_blocks.S: RISC-V with Zbb.
extern "C" [[gnu::visibility("hidden")]] void nacre_sha256_blocks(uint32_t* state,
                                                                  const std::byte* blocks,
                                                                  size_t count);

// sha256_plain.cc: any machine.
void sha256_blocks_plain(uint32_t* state, const std::byte* blocks, size_t count);

}  // namespace nacre::loader
