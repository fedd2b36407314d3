// A QEMU process with the sockets that its devices end in.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "file.hh"
#include "nacre/base/core/error.hh"

namespace nacre::launcher {

struct MachineConfig {
  std::string kernel;
  int archive_fd = -1;
  uint64_t memory_bytes = 0;
  uint32_t harts = 1;
  std::string boot_arguments;
  std::vector<std::string> qemu_arguments;
};

// Our ends of the machine's devices, all stream sockets.
struct Ports {
  FileDescriptor standard_input;   // nacre.stdin
  FileDescriptor standard_output;  // nacre.stdout
  FileDescriptor standard_error;   // nacre.stderr
  FileDescriptor control;          // nacre.control
  FileDescriptor log;              // the UART
  FileDescriptor emulator_errors;  // what QEMU itself prints
};

class Machine {
 public:
  // Starts QEMU. It dies with this process, whatever ends us.
  [[nodiscard]] static Result<Machine> start(const MachineConfig& config);

  Machine(Machine&& other) noexcept;
  Machine& operator=(Machine&&) = delete;
  // Ends the machine if it still runs.
  ~Machine();

  Ports ports;

  // The wait status once QEMU has ended by itself, without waiting for it.
  [[nodiscard]] bool has_ended(int& wait_status);
  // Ends it now and waits until it is gone.
  void kill();

 private:
  // How kill() goes about it. Who hands arguments to the emulator may have loaded something into it
  // that reports at its end (a plug-in), so that it gets two seconds to do so.
  enum class Ending : uint8_t { AtOnce, InOrder };

  Machine(pid_t pid, Ending ending) : pid_(pid), ending_(ending) {}

  pid_t pid_ = -1;  // -1 once reaped
  Ending ending_;
};

}  // namespace nacre::launcher
