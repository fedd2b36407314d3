#include "image.hh"

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "nacre/abi/control.hh"
#include "nacre/base/core/format.hh"
#include "nacre/base/cpio/cpio.hh"
#include "nacre/base/launch/config.hh"

namespace nacre::launcher {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kMinMachineBytes = 64 * kMiB;
constexpr uint64_t kDefaultMachineBytes = 512 * kMiB;

std::string in_mib(uint64_t bytes) {
  return format("{} MiB", (bytes + kMiB - 1) / kMiB);
}

// Appends entries to the archive. Small pieces are gathered, large files go from file to file
// inside the host's kernel.
class Writer {
 public:
  explicit Writer(int fd) : fd_(fd) {}

  Result<void> add(const std::string& name, const struct stat& status, std::string_view data) {
    add_header(name, status, data.size());
    pending_ += data;
    return end_entry(data.size());
  }

  Result<void> add_file(const std::string& name, const struct stat& status, const fs::path& path) {
    const FileDescriptor source(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!source.is_open()) return fail_errno(path.native());
    const auto size = static_cast<uint64_t>(status.st_size);
    TRY(check(path.native(), size));
    add_header(name, status, size);
    TRY(flush());
    uint64_t copied = 0;
    while (copied < size) {
      const ssize_t count = sendfile(fd_, source.get(), nullptr, size - copied);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail_errno(path.native());
      if (count == 0) {
        return fail(ErrorCode::Io, format("{}: shrank while it was read", path.native()));
      }
      copied += static_cast<uint64_t>(count);
    }
    total_ += size;
    return end_entry(size);
  }

  Result<uint64_t> finish() {
    pending_ += cpio::encode_trailer();
    TRY(flush());
    return total_;
  }

 private:
  void add_header(const std::string& name, const struct stat& status, uint64_t size) {
    pending_ += cpio::encode_header({.name = name,
                                     .mode = status.st_mode,
                                     .inode = static_cast<uint32_t>(status.st_ino),
                                     .modified_s = static_cast<uint32_t>(status.st_mtime),
                                     .data = {}},
                                    size);
  }

  Result<void> end_entry(uint64_t size) {
    pending_.append(cpio::padding_after(size), '\0');
    if (pending_.size() > kMiB) TRY(flush());
    return check("the program and its directories", 0);
  }

  [[nodiscard]] Result<void> check(std::string_view what, uint64_t more) const {
    if (total_ + pending_.size() + more <= kMaxArchiveBytes) return {};
    return fail(ErrorCode::LimitExceeded,
                format("{}: too large; program and directories together may have {}", what,
                       in_mib(kMaxArchiveBytes)));
  }

  Result<void> flush() {
    TRY(write_all(fd_, pending_, "writing the archive"));
    total_ += pending_.size();
    pending_.clear();
    return {};
  }

  int fd_;
  uint64_t total_ = 0;
  std::string pending_;
};

// A directory and all that is in it, parents first, in the order of names. Sockets, pipes and
// devices are left out: they mean nothing inside the machine.
Result<void> add_tree(Writer& writer, const std::string& name, const fs::path& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) return fail_errno(path.native());
  if (S_ISLNK(status.st_mode)) {
    std::error_code error;
    const fs::path target = fs::read_symlink(path, error);
    if (error) return fail(ErrorCode::Io, path.native() + ": " + error.message());
    return writer.add(name, status, target.native());
  }
  if (S_ISREG(status.st_mode)) return writer.add_file(name, status, path);
  if (!S_ISDIR(status.st_mode)) return {};
  TRY(writer.add(name, status, ""));
  std::error_code error;
  std::vector<fs::path> children;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    children.push_back(it->path());
  }
  if (error) return fail(ErrorCode::Io, path.native() + ": " + error.message());
  std::sort(children.begin(), children.end());
  for (const fs::path& child : children) {
    TRY(add_tree(writer, name + "/" + child.filename().native(), child));
  }
  return {};
}

Result<void> add_directory(Writer& writer, const std::string& name, const std::string& host) {
  struct stat status{};
  // The directory itself may be reached through a symbolic link; what is in it keeps its links.
  if (stat(host.c_str(), &status) != 0) return fail_errno(format("--dir {}", host));
  if (!S_ISDIR(status.st_mode)) {
    return fail(ErrorCode::InvalidArgument, format("--dir {}: not a directory", host));
  }
  std::error_code error;
  const fs::path real = fs::canonical(host, error);
  if (error) return fail(ErrorCode::Io, format("--dir {}: {}", host, error.message()));
  return add_tree(writer, name, real);
}

Result<void> add_program(Writer& writer, const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return fail_errno(path);
  if (S_ISDIR(status.st_mode)) {
    return fail(ErrorCode::InvalidArgument, format("{}: is a directory", path));
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorCode::InvalidArgument, format("{}: not a regular file", path));
  }
  if (status.st_size == 0) {
    return fail(ErrorCode::InvalidArgument, format("{}: is empty, not a WebAssembly module", path));
  }
  return writer.add_file(abi::kProgramEntry, status, path);
}

launch::Config make_config(const Options& options) {
  launch::Config config;
  config.arguments.push_back(options.argv0.value_or(fs::path(options.program).filename().native()));
  config.arguments.insert(config.arguments.end(), options.arguments.begin(),
                          options.arguments.end());
  config.environment = options.environment;
  for (const DirectoryMapping& mapping : options.directories) {
    config.preopens.push_back(mapping.guest);
  }
  config.invoke = options.invoke;
  config.max_memory_bytes = options.max_memory_bytes;
  config.timeout_ns = options.timeout_ns;
  config.mode = options.mode;
  return config;
}

}  // namespace

Result<Image> build_image(const Options& options) {
  Image image;
  image.file.reset(memfd_create("nacre-archive", MFD_CLOEXEC));
  if (!image.file.is_open()) return fail_errno("cannot create the archive");
  Writer writer(image.file.get());
  TRY_ASSIGN(const std::string config, launch::encode(make_config(options)));
  struct stat plain{};
  plain.st_mode = S_IFREG | 0444;
  TRY(writer.add(abi::kConfigEntry, plain, config));
  if (!options.program.empty()) TRY(add_program(writer, options.program));
  for (size_t i = 0; i < options.directories.size(); ++i) {
    TRY(add_directory(writer, format("{}{}", abi::kRootPrefix, i), options.directories[i].host));
  }
  TRY_ASSIGN(image.bytes, writer.finish());
  return image;
}

Result<void> save_image(const Image& image, const std::string& path) {
  const FileDescriptor out(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!out.is_open()) return fail_errno(path);
  off_t offset = 0;
  while (static_cast<uint64_t>(offset) < image.bytes) {
    const ssize_t count =
        sendfile(out.get(), image.file.get(), &offset, image.bytes - static_cast<uint64_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(path);
  }
  return {};
}

Result<uint64_t> choose_memory(const Options& options, uint64_t archive_bytes) {
  if (!options.machine_memory_bytes) {
    const uint64_t wanted = std::max(kDefaultMachineBytes, 4 * archive_bytes + 256 * kMiB);
    return (wanted + kMiB - 1) / kMiB * kMiB;
  }
  const uint64_t bytes = *options.machine_memory_bytes;
  if (bytes < kMinMachineBytes) {
    return fail(ErrorCode::InvalidArgument, format("--memory: {} is too little, {} is the least",
                                                   in_mib(bytes), in_mib(kMinMachineBytes)));
  }
  // Up to 128 MiB and the 2 MiB of firmware lie below the archive; 4 MiB at the end hold the device tree and what
  // rounding costs.
  if (archive_bytes + 6 * kMiB > bytes - std::min(bytes / 2, 128 * kMiB)) {
    return fail(ErrorCode::LimitExceeded,
                format("--memory: program and directories have {}, which does not fit into a "
                       "machine with {}",
                       in_mib(archive_bytes), in_mib(bytes)));
  }
  return bytes;
}

}  // namespace nacre::launcher
