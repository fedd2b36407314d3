// Command files on a POSIX system, and what the runner programs print about them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "nacre/tests/spec/command_file.hh"
#include "nacre/tests/spec/report.hh"

namespace nacre::spec {

// Runs every file named in `paths`, prints each report as it comes and the total at the end. Returns the exit status:
// 0 if nothing failed, 1 if something did, 2 if a file could not be read.
[[nodiscard]] int run_files(std::span<char* const> paths,
                            const std::function<Report(const CommandFile&)>& run);

}  // namespace nacre::spec
