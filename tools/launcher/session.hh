// One run: carries bytes between our standard streams and the machine's ports until the guest or
// the machine ends.
#pragma once

#include "machine.hh"
#include "nacre/base/core/error.hh"

namespace nacre::launcher {

enum class LogMode : uint8_t {
  Hidden,  // shown only when the machine fails
  Shown,
};

// Blocks the signals that end a session so that it can wait for them; before any machine is
// started.
void block_session_signals();

// Runs to the end and returns our exit status. Everything a person should read has been printed.
[[nodiscard]] int run_session(Machine& machine, LogMode log_mode);

}  // namespace nacre::launcher
