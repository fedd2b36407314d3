// What the kernel does once everything runs. The system's image runs the boot program (kernel/wasm); an image that links a
// BootMain does that instead, with the same kernel below.
#pragma once

#include "nacre/kernel/init/boot_context.hh"

namespace nacre::init {

class BootMain {
 public:
  // The status to stop the machine with.
  using Run = int (*)(const BootContext& context);

  // Installs itself: an object with static storage, at most one in an image.
  explicit BootMain(Run run);
  // nullptr in the system's image.
  [[nodiscard]] static const BootMain* installed();
  [[nodiscard]] Run run() const { return run_; }

 private:
  Run run_;
};

}  // namespace nacre::init
