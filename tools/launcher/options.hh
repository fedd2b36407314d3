// The command line of `nacre run`, shaped as `wasmtime run`'s: options, the program's file, and
// from there on nothing but the guest's own arguments (a `--` right after the file is dropped).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/core/error.hh"

namespace nacre::launcher {

struct DirectoryMapping {
  std::string host;
  std::string guest;
};

struct Options {
  std::string program;  // the wasm file
  std::vector<std::string> arguments;
  std::optional<std::string> argv0;  // instead of the file's base name
  std::vector<DirectoryMapping> directories;
  std::vector<std::string> environment;  // NAME=VALUE, inherited ones filled in
  std::optional<std::string> invoke;
  std::optional<uint64_t> max_memory_bytes;
  std::optional<uint64_t> timeout_ns;
  uint32_t harts = 1;
  std::optional<uint64_t> machine_memory_bytes;  // chosen by the size of the archive if absent
  std::optional<std::string> log;           // filter; the kernel's log is shown on standard error
  std::string kernel;                       // path of the boot image
  std::string mode;                         // Config::mode
  std::string archive;                      // write the boot archive to this file, do not boot
  std::vector<std::string> qemu_arguments;  // appended to the emulator's own
  std::optional<std::string> help;          // set: print this and do nothing else
};

// `arguments` are without the program's name. `inherited` looks up a variable of our own
// environment.
[[nodiscard]] Result<Options> parse_options(
    std::span<const std::string> arguments,
    std::optional<std::string> (*inherited)(const std::string&));

// "64MiB", "1G", "4096": a number with an optional binary unit (K, M, G, T with or without B or iB,
// any case).
[[nodiscard]] std::optional<uint64_t> parse_size(std::string_view text);

// "1s", "500ms", "2m", "1.5s", "3" (seconds): nanoseconds.
[[nodiscard]] std::optional<uint64_t> parse_duration(std::string_view text);

}  // namespace nacre::launcher
