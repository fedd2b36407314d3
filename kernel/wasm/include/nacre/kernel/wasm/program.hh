// Running one WebAssembly program as a command: compile, link against WASI, start, call.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "nacre/base/core/address.hh"
#include "nacre/base/coro/task.hh"
#include "nacre/base/launch/config.hh"
#include "nacre/kernel/machine/devices.hh"
#include "nacre/kernel/sched/cpu_scheduler.hh"
#include "nacre/kernel/wasm/program_streams.hh"

namespace nacre::kwasm {

// How a program ended, as the control port reports it.
struct Ending {
  enum class Kind : uint8_t { Exited, Trapped, TimedOut };
  Kind kind = Kind::Exited;
  uint32_t exit_code = 0;
  std::string report;  // Trapped, TimedOut: for standard error
};

struct ProgramSetup {
  std::span<const std::byte> archive;  // with the preopened trees; stays alive
  std::span<const uint8_t> module;     // stays alive
  const launch::Config& config;
  ProgramStreams& streams;
  const machine::Devices& devices;
  sched::CpuLimits cpu = {};
  // All that its domain may make the kernel allocate, the compilation included; otherwise what is free.
  std::optional<ByteSize> memory = {};
  uint32_t job = 0;  // what the one who starts it calls it (DomainLabel)
};

// Errors: the archive, the module, or what it imports is not as it should be.
[[nodiscard]] coro::Task<Result<Ending>> run_program(const ProgramSetup& setup);

}  // namespace nacre::kwasm
