#include "payload.hh"

namespace nacre::loader {
namespace {

extern "C" const std::byte nacre_payload_start[];
extern "C" const std::byte nacre_payload_end[];

}  // namespace

std::span<const std::byte> open_payload() {
  return {nacre_payload_start, nacre_payload_end};
}

}  // namespace nacre::loader
