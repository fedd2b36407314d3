// The kernel that this loader carries, packed, masked and signed (tools/image/seal):
//
//   loader_start                loader_payload                   loader_signature      loader_image_end
//   | code, constants, data      | zstd frame, its start masked,  | r, s (ECDSA P-256)  |
//   |                            | and zeros to a whole 512 bytes |                     |
//   |<---------------- what is signed --------------------------->|
//
// The mask is made of the hash of the first part. Whoever changes a byte of the loader therefore changes what comes out of
// the payload: also a loader that is damaged where it looks at the signature does not get a kernel to run.
#pragma once

#include <cstddef>
#include <span>

namespace nacre::loader {

// For start.S: makes the image fit where it lies, before anything in it is used that the linker wrote an address to.
extern "C" void nacre_loader_relocate();

// Checks the signature, before anything else writes to the loader's data, and takes the mask off. Ends the machine if the
// image is not as it was signed.
void check_image();

// The kernel's ELF file, unpacked to the start of `scratch`. After check_image().
[[nodiscard]] std::span<const std::byte> unpack_kernel(std::span<std::byte> scratch);

}  // namespace nacre::loader
