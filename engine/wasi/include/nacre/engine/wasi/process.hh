// One guest program's view of the world: arguments, environment, open descriptors, over a file
// system and a System.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "nacre/engine/wasi/descriptor.hh"
#include "nacre/engine/wasi/system.hh"
#include "nacre/engine/wasi/vfs/file_system.hh"

namespace nacre::wasi {

class Process {
 public:
  // Opens descriptors 0, 1 and 2. `arguments[0]` is the program's name; `environment` holds
  // "KEY=value". The system and the file system must outlive the process.
  Process(System& system, vfs::FileSystem& file_system, std::vector<std::string> arguments,
          std::vector<std::string> environment);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Opens a directory that the guest finds under `name`, at the next descriptor (3, 4, …).
  // TooManyFiles.
  [[nodiscard]] Outcome<uint32_t> preopen(const vfs::InodeRef& directory, std::string name);

  [[nodiscard]] System& system() { return system_; }
  [[nodiscard]] vfs::FileSystem& file_system() { return file_system_; }
  [[nodiscard]] DescriptorTable& descriptors() { return descriptors_; }
  [[nodiscard]] const std::vector<std::string>& arguments() const { return arguments_; }
  [[nodiscard]] const std::vector<std::string>& environment() const { return environment_; }
  [[nodiscard]] uint64_t realtime() { return system_.now(Clock::Realtime); }

  // A buffer that streams pass through on their way from and to the guest; used by one call at a
  // time.
  static constexpr size_t kTransferSize = 65536;
  [[nodiscard]] std::span<uint8_t> transfer_buffer();

 private:
  System& system_;
  vfs::FileSystem& file_system_;
  std::vector<std::string> arguments_;
  std::vector<std::string> environment_;
  DescriptorTable descriptors_;
  std::unique_ptr<uint8_t[]> transfer_;  // made when first needed
};

}  // namespace nacre::wasi
