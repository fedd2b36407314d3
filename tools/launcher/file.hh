// File descriptors that close themselves, and errors that name the file.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "nacre/base/core/error.hh"

namespace nacre::launcher {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~FileDescriptor() { reset(-1); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  void reset(int fd) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

// "<what>: <the reason in errno>".
inline std::unexpected<Error> fail_errno(std::string_view what) {
  const int reason = errno;
  return fail(reason == ENOENT ? ErrorCode::NotFound : ErrorCode::Io,
              std::string(what) + ": " + std::strerror(reason));
}

// Writes everything, waiting as long as it takes.
inline Result<void> write_all(int fd, std::string_view bytes, std::string_view what) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno(what);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

}  // namespace nacre::launcher
