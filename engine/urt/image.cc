#include "nacre/engine/urt/image.hh"

#include <cstddef>

#include "nacre/base/core/panic.hh"

extern "C" const uint8_t nacre_urt_image_begin[];
extern "C" const uint8_t nacre_urt_image_end[];

namespace nacre::urt {

std::span<const uint8_t> image() {
  return {nacre_urt_image_begin, static_cast<size_t>(nacre_urt_image_end - nacre_urt_image_begin)};
}

const UrtHeader& header() {
  // SAFETY: the linker script puts the header first, and image.S aligns the image to a page.
  const auto& result = *reinterpret_cast<const UrtHeader*>(nacre_urt_image_begin);
  ASSERT(result.magic == UrtHeader::kMagic);
  ASSERT(result.size <= image().size());
  return result;
}

}  // namespace nacre::urt
