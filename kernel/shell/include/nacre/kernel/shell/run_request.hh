// What stands behind the shell's `run`:
//   [OPTIONS] PROGRAM [ARGUMENTS...] [&]
//     --env NAME=VALUE       for the program; may be repeated
//     --dir PATH[::GUEST]    a directory of the machine, at GUEST for the program; may be repeated. Without any: all, as they are
//     -W max-memory-size=N   bytes, K, M or G: no linear memory becomes larger
//     --timeout SECONDS      it may run this long
//     --weight N             its share of the processors beside others (1 to 10000; 100)
//     --cpu PERCENT          of one processor, in each tenth of a second, at most
//     --memory N             all that it makes the kernel allocate, its compiled module included; otherwise what is free
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nacre/base/core/error.hh"

namespace nacre::shell {

struct RunRequest {
  struct Directory {
    std::string path;   // as the machine has it
    std::string guest;  // as the program sees it
  };

  std::vector<std::string> arguments;  // with the program; not empty
  std::vector<std::string> environment;
  std::vector<Directory> directories;
  std::optional<uint64_t> max_memory_bytes;
  std::optional<uint64_t> timeout_ns;
  std::optional<uint32_t> weight;
  std::optional<uint32_t> cpu_percent;
  std::optional<uint64_t> memory_bytes;
  bool background = false;
};

// InvalidArgument says which word is wrong, and what was expected.
[[nodiscard]] Result<RunRequest> parse_run_request(std::span<const std::string> words);

// Decimal or 0x…; InvalidArgument names the word.
[[nodiscard]] Result<uint64_t> parse_number(std::string_view word);

}  // namespace nacre::shell
