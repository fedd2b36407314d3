#include "file_list.hh"

#include <cstdio>
#include <fstream>
#include <iterator>

namespace nacre::spec {

int run_files(std::span<char* const> paths, const std::function<Report(const CommandFile&)>& run) {
  Report total;
  for (const char* path : paths) {
    std::ifstream stream(path, std::ios::binary);
    const std::vector<uint8_t> bytes(std::istreambuf_iterator<char>(stream), {});
    const Result<CommandFile> file = parse_command_file(bytes);
    if (!file) {
      std::fprintf(stderr, "%s: %s\n", path, file.error().to_string().c_str());
      return 2;
    }
    const Report report = run(*file);
    std::fputs(format_report(report).c_str(), stdout);
    std::fflush(stdout);
    total.add(report);
  }
  std::puts(format_total(total).c_str());
  return total.failed == 0 ? 0 : 1;
}

}  // namespace nacre::spec
