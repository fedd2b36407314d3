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
#include "p256.hh"
#include "relocation.hh"
#include "sha256.hh"

namespace nacre::loader {
namespace {

// Hidden: their addresses are computed, not read from words that would have to be relocated first.
#pragma GCC visibility push(hidden)
extern "C" const std::byte loader_start[];
extern "C" const std::byte loader_image_base[];   // 8 bytes in the UEFI header
extern "C" const std::byte loader_words_start[];  // what relocation changes lies from here
extern "C" const std::byte loader_words_end[];    // to here
extern "C" const uint64_t loader_relocations_start[];
extern "C" const uint64_t loader_relocations_end[];
extern "C" std::byte loader_payload[];
extern "C" const std::byte loader_payload_end[];
extern "C" const std::byte loader_signature[];
extern "C" const std::byte loader_image_end[];
extern "C" uint8_t nacre_boot_key[];
#pragma GCC visibility pop

constexpr size_t kKeySize = 65;
constexpr uint8_t kUncompressed = 4;  // a point's first byte (SEC 1, 2.3.3)
constexpr size_t kMaskedBytes = 4096;
constexpr size_t kBlockBytes = random::kBlockWords * sizeof(uint32_t);

constexpr size_t kMaxWordBytes = 1024;  // loader.ld checks it

uint64_t slide() {
  return address_of(loader_start) - kLoaderLinkAddress;
}

std::span<const std::byte> between(const std::byte* begin, const std::byte* end) {
  return {begin, static_cast<size_t>(end - begin)};
}

// The loader as it is in the file: with the slide taken off what relocation changed. Firmware, too, may have written to it:
// where it put the image, into the header's image base.
void hash_loader(Sha256& hash) {
  uint64_t image_base;
  std::memcpy(&image_base, loader_image_base, sizeof image_base);
  if (image_base == address_of(loader_start)) image_base = kLoaderLinkAddress;
  const std::byte* const behind_base = loader_image_base + sizeof image_base;

  std::array<std::byte, kMaxWordBytes> copy;
  const auto words = between(loader_words_start, loader_words_end);
  std::ranges::copy(words, copy.begin());
  for_each_relocation({loader_relocations_start, loader_relocations_end}, [&](uint64_t linked) {
    const uint64_t offset = linked + slide() - address_of(loader_words_start);
    if (offset > words.size() - sizeof(uint64_t)) stop("the loader's relocations are damaged");
    uint64_t word;
    std::memcpy(&word, copy.data() + offset, sizeof word);
    word -= slide();
    std::memcpy(copy.data() + offset, &word, sizeof word);
  });

  hash.update(between(loader_start, loader_image_base));
  hash.update(std::as_bytes(std::span(&image_base, 1)));
  hash.update(between(behind_base, loader_words_start));
  hash.update(std::span(copy).first(words.size()));
  hash.update(between(loader_words_end, loader_payload));
}

// How BearSSL's ECDSA asks for u × key + v × base point.
uint32_t multiply_add(unsigned char* key, const unsigned char* other, size_t size,
                      const unsigned char* u, size_t u_size, const unsigned char* v, size_t v_size,
                      int) {
  p256::Point point;
  p256::Scalar first;
  p256::Scalar second;
  if (other != nullptr || size != kKeySize || key[0] != kUncompressed || u_size != first.size() ||
      v_size != second.size()) {
    return 0;
  }
  std::memcpy(point.bytes.data(), key + 1, point.bytes.size());
  std::memcpy(first.data(), u, first.size());
  std::memcpy(second.data(), v, second.size());
  const auto result = p256::multiply_add(point, first, second);
  if (!result) return 0;
  std::memcpy(key + 1, result->bytes.data(), result->bytes.size());
  return 1;
}

constexpr br_ec_impl kCurve = {.supported_curves = 1 << BR_EC_secp256r1,
                               .generator = nullptr,
                               .order = nullptr,
                               .xoff = nullptr,
                               .mul = nullptr,
                               .mulgen = nullptr,
                               .muladd = multiply_add};

bool is_signed(const Sha256::Digest& digest) {
  br_ec_public_key key{};
  key.curve = BR_EC_secp256r1;
  key.q = nacre_boot_key;
  key.qlen = kKeySize;
  return br_ecdsa_i31_vrfy_raw(&kCurve, digest.data(), digest.size(), &key, loader_signature,
                               loader_image_end - loader_signature) == 1;
}

// ChaCha20 under the loader's hash, from block 0, over the first bytes of the payload.
void unmask(const Sha256::Digest& loader) {
  std::array<uint32_t, random::kKeyWords> key;
  std::memcpy(key.data(), loader.data(), sizeof key);
  const std::span<std::byte> masked(
      loader_payload, std::min<size_t>(kMaskedBytes, loader_payload_end - loader_payload));
  for (size_t at = 0; at < masked.size(); at += kBlockBytes) {
    const auto words = random::chacha20_block(key, static_cast<uint32_t>(at / kBlockBytes), {});
    const auto stream = std::as_bytes(std::span(words));
    for (size_t i = 0; i < stream.size() && at + i < masked.size(); ++i) {
      masked[at + i] ^= stream[i];
    }
  }
}

}  // namespace

extern "C" void nacre_loader_relocate() {
  if (slide() == 0) return;
  for_each_relocation({loader_relocations_start, loader_relocations_end}, [](uint64_t linked) {
    const std::span<std::byte> memory = memory_at(linked + slide(), sizeof(uint64_t));
    uint64_t word;
    std::memcpy(&word, memory.data(), sizeof word);
    word += slide();
    std::memcpy(memory.data(), &word, sizeof word);
  });
}

void check_image() {
  Sha256 hash;
  hash_loader(hash);
  const Sha256::Digest loader = hash.digest();
  hash.update(between(loader_payload, loader_signature));
  if (!is_signed(hash.digest())) stop("the boot image is damaged or not signed by its owner");
  unmask(loader);
}

std::span<const std::byte> unpack_kernel(std::span<std::byte> scratch) {
  const auto packed = static_cast<size_t>(loader_payload_end - loader_payload);
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
