#include "nacre/kernel/wasm/boot_mode.hh"

#include <utility>

namespace nacre::kwasm {
namespace {

constinit const BootMode* first_mode = nullptr;

}  // namespace

BootMode::BootMode(std::string_view name, Run run)
    : name_(name), run_(run), next_(std::exchange(first_mode, this)) {}

const BootMode* BootMode::find(std::string_view name) {
  const BootMode* mode = first_mode;
  while (mode != nullptr && mode->name_ != name) mode = mode->next_;
  return mode;
}

}  // namespace nacre::kwasm
