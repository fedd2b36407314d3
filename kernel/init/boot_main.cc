#include "nacre/kernel/init/boot_main.hh"

#include "nacre/base/core/panic.hh"

namespace nacre::init {
namespace {

constinit const BootMain* boot_main = nullptr;

}  // namespace

BootMain::BootMain(Run run) : run_(run) {
  ASSERT(boot_main == nullptr);
  boot_main = this;
}

const BootMain* BootMain::installed() {
  return boot_main;
}

}  // namespace nacre::init
