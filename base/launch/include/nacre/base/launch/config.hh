// What a program is started with: the `config` file of the initial archive.
//
// Format: records "key=value" in order, each ended by a NUL byte. Values may hold any byte but NUL.
// Keys:
//   argv=TEXT            repeated; the first is argv[0]
//   env=NAME=VALUE       repeated
//   preopen=N:PATH       directory rootN of the archive is preopened under the guest path PATH; repeated, N ascending from 0
//   invoke=NAME          call this export with argv[1…] as its arguments, instead of running a command
//   max-memory-size=N    bytes; no linear memory may be larger
//   timeout-ns=N         the guest may run this long
//   mode=NAME            what the kernel does with the archive; absent: run program.wasm
// An unknown key is an error, so that host and machine cannot disagree silently.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/core/error.hh"

namespace nacre::launch {

struct Config {
  std::vector<std::string> arguments;    // with argv[0]
  std::vector<std::string> environment;  // NAME=VALUE
  std::vector<std::string> preopens;     // guest paths; the index names the tree rootN
  std::optional<std::string> invoke;
  std::optional<uint64_t> max_memory_bytes;
  std::optional<uint64_t> timeout_ns;
  std::string mode;  // empty: run program.wasm

  bool operator==(const Config&) const = default;
};

// Fails (InvalidArgument) if a value holds a NUL byte.
[[nodiscard]] Result<std::string> encode(const Config& config);

// Fails (Malformed) with the offset of the offending record.
[[nodiscard]] Result<Config> decode(std::string_view bytes);

}  // namespace nacre::launch
