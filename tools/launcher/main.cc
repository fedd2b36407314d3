// nacre-run: boots a machine with one WebAssembly program and stands in for it: its input, its
// output, its exit status.
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "file.hh"
#include "image.hh"
#include "machine.hh"
#include "nacre/abi/control.hh"
#include "nacre/base/core/format.hh"
#include "options.hh"
#include "session.hh"

namespace nacre::launcher {
namespace {

std::optional<std::string> inherited(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

// The kernel's command line: the log filter, and what NACRE_BOOT_ARGUMENTS holds (for tests of the kernel).
std::string boot_arguments(const Options& options) {
  std::string line = inherited("NACRE_BOOT_ARGUMENTS").value_or("");
  if (options.log) line += (line.empty() ? "log=" : " log=") + *options.log;
  return line;
}

Result<int> run(std::span<const std::string> arguments) {
  TRY_ASSIGN(Options options, parse_options(arguments, inherited));
  if (options.help) {
    std::fputs(options.help->c_str(), stdout);
    return 0;
  }
  if (!options.archive.empty()) {
    TRY_ASSIGN(const Image image, build_image(options));
    TRY(save_image(image, options.archive));
    return 0;
  }
  if (options.kernel.empty()) options.kernel = inherited("NACRE_KERNEL").value_or("");
  std::error_code error;
  if (!std::filesystem::is_regular_file(options.kernel, error)) {
    return fail(ErrorCode::NotFound, format("no boot image '{}' (--kernel)", options.kernel));
  }
  TRY_ASSIGN(Image image, build_image(options));
  TRY_ASSIGN(const uint64_t memory_bytes, choose_memory(options, image.bytes));
  block_session_signals();
  TRY_ASSIGN(Machine machine, Machine::start({.kernel = options.kernel,
                                              .archive_fd = image.file.get(),
                                              .memory_bytes = memory_bytes,
                                              .harts = options.harts,
                                              .boot_arguments = boot_arguments(options),
                                              .qemu_arguments = options.qemu_arguments}));
  return run_session(machine, options.log ? LogMode::Shown : LogMode::Hidden);
}

}  // namespace
}  // namespace nacre::launcher

int main(int argc, char** argv) {
  // Whoever started us may have closed a standard stream; none of our own files may take its number.
  while (true) {
    const int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd <= STDERR_FILENO && fd >= 0) continue;
    close(fd);
    break;
  }
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto status = nacre::launcher::run(arguments);
  if (status) return *status;
  std::fprintf(stderr, "nacre: %s\n", status.error().message().c_str());
  return nacre::abi::kStatusError;
}
