#include "payload.hh"

#include <bearssl.h>
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "machine.hh"
#include "nacre/base/random/chacha_random.hh"

namespace nacre::loader {
namespace {

extern "C" const std::byte loader_start[];
extern "C" std::byte loader_payload[];
extern "C" const std::byte loader_signature[];
extern "C" const std::byte loader_image_end[];
extern "C" uint8_t nacre_boot_key[];

constexpr size_t kKeySize = 65;
constexpr size_t kMaskedBytes = 4096;
constexpr size_t kBlockBytes = random::kBlockWords * sizeof(uint32_t);

using Digest = std::array<uint8_t, br_sha256_SIZE>;

Digest digest_so_far(const br_sha256_context& context) {
  Digest digest;
  br_sha256_out(&context, digest.data());
  return digest;
}

bool is_signed(const Digest& digest) {
  br_ec_public_key key{};
  key.curve = BR_EC_secp256r1;
  key.q = nacre_boot_key;
  key.qlen = kKeySize;
  return br_ecdsa_i31_vrfy_raw(&br_ec_p256_m31, digest.data(), digest.size(), &key,
                               loader_signature, loader_image_end - loader_signature) == 1;
}

// ChaCha20 under the loader's hash, from block 0, over the first bytes of the payload.
void unmask(const Digest& loader) {
  std::array<uint32_t, random::kKeyWords> key;
  std::memcpy(key.data(), loader.data(), sizeof key);
  const std::span<std::byte> masked(
      loader_payload, std::min<size_t>(kMaskedBytes, loader_signature - loader_payload));
  for (size_t at = 0; at < masked.size(); at += kBlockBytes) {
    const auto words = random::chacha20_block(key, static_cast<uint32_t>(at / kBlockBytes), {});
    const auto stream = std::as_bytes(std::span(words));
    for (size_t i = 0; i < stream.size() && at + i < masked.size(); ++i) {
      masked[at + i] ^= stream[i];
    }
  }
}

}  // namespace

void check_image() {
  br_sha256_context context;
  br_sha256_init(&context);
  br_sha256_update(&context, loader_start, loader_payload - loader_start);
  const Digest loader = digest_so_far(context);
  br_sha256_update(&context, loader_payload, loader_signature - loader_payload);
  if (!is_signed(digest_so_far(context))) {
    stop("the boot image is damaged or not signed by its owner");
  }
  unmask(loader);
}

std::span<const std::byte> unpack_kernel(std::span<std::byte> scratch) {
  const auto packed = static_cast<size_t>(loader_signature - loader_payload);
  const unsigned long long size = ZSTD_getFrameContentSize(loader_payload, packed);
  const size_t workspace = (ZSTD_estimateDCtxSize() + 15) & ~size_t{15};
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) {
    stop("the kernel cannot be unpacked");
  }
  if (scratch.size() < workspace || size > scratch.size() - workspace) stop("out of memory");
  ZSTD_DCtx* const decoder = ZSTD_initStaticDCtx(scratch.last(workspace).data(), workspace);
  if (decoder == nullptr ||
      ZSTD_decompressDCtx(decoder, scratch.data(), size, loader_payload, packed) != size) {
    stop("the kernel cannot be unpacked");
  }
  return scratch.first(size);
}

}  // namespace nacre::loader
