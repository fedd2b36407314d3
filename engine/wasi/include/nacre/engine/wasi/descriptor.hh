// File descriptors: what a guest's small integers stand for, and what it may do with each of them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nacre/engine/wasi/system.hh"
#include "nacre/engine/wasi/vfs/inode.hh"

namespace nacre::wasi {

// WASI's `rights`, one bit per operation.
namespace rights {
inline constexpr uint64_t kFdDatasync = 1u << 0;
inline constexpr uint64_t kFdRead = 1u << 1;
inline constexpr uint64_t kFdSeek = 1u << 2;
inline constexpr uint64_t kFdFdstatSetFlags = 1u << 3;
inline constexpr uint64_t kFdSync = 1u << 4;
inline constexpr uint64_t kFdTell = 1u << 5;
inline constexpr uint64_t kFdWrite = 1u << 6;
inline constexpr uint64_t kFdAdvise = 1u << 7;
inline constexpr uint64_t kFdAllocate = 1u << 8;
inline constexpr uint64_t kPathCreateDirectory = 1u << 9;
inline constexpr uint64_t kPathCreateFile = 1u << 10;
inline constexpr uint64_t kPathLinkSource = 1u << 11;
inline constexpr uint64_t kPathLinkTarget = 1u << 12;
inline constexpr uint64_t kPathOpen = 1u << 13;
inline constexpr uint64_t kFdReaddir = 1u << 14;
inline constexpr uint64_t kPathReadlink = 1u << 15;
inline constexpr uint64_t kPathRenameSource = 1u << 16;
inline constexpr uint64_t kPathRenameTarget = 1u << 17;
inline constexpr uint64_t kPathFilestatGet = 1u << 18;
inline constexpr uint64_t kPathFilestatSetSize = 1u << 19;
inline constexpr uint64_t kPathFilestatSetTimes = 1u << 20;
inline constexpr uint64_t kFdFilestatGet = 1u << 21;
inline constexpr uint64_t kFdFilestatSetSize = 1u << 22;
inline constexpr uint64_t kFdFilestatSetTimes = 1u << 23;
inline constexpr uint64_t kPathSymlink = 1u << 24;
inline constexpr uint64_t kPathRemoveDirectory = 1u << 25;
inline constexpr uint64_t kPathUnlinkFile = 1u << 26;
inline constexpr uint64_t kPollFdReadwrite = 1u << 27;

// What makes sense for each kind of descriptor.
inline constexpr uint64_t kFile = kFdDatasync | kFdRead | kFdSeek | kFdFdstatSetFlags | kFdSync |
                                  kFdTell | kFdWrite | kFdAdvise | kFdAllocate | kFdFilestatGet |
                                  kFdFilestatSetSize | kFdFilestatSetTimes | kPollFdReadwrite;
inline constexpr uint64_t kDirectory =
    kFdDatasync | kFdFdstatSetFlags | kFdSync | kPathCreateDirectory | kPathCreateFile |
    kPathLinkSource | kPathLinkTarget | kPathOpen | kFdReaddir | kPathReadlink | kPathRenameSource |
    kPathRenameTarget | kPathFilestatGet | kPathFilestatSetSize | kPathFilestatSetTimes |
    kFdFilestatGet | kFdFilestatSetTimes | kPathSymlink | kPathRemoveDirectory | kPathUnlinkFile;
inline constexpr uint64_t kInput = kFdRead | kFdFdstatSetFlags | kFdFilestatGet | kPollFdReadwrite;
inline constexpr uint64_t kOutput =
    kFdWrite | kFdDatasync | kFdSync | kFdFdstatSetFlags | kFdFilestatGet | kPollFdReadwrite;
}  // namespace rights

// WASI's `fdflags`.
namespace fd_flags {
inline constexpr uint16_t kAppend = 1 << 0;
inline constexpr uint16_t kDsync = 1 << 1;
inline constexpr uint16_t kNonblock = 1 << 2;
inline constexpr uint16_t kRsync = 1 << 3;
inline constexpr uint16_t kSync = 1 << 4;
inline constexpr uint16_t kAll = 0x1f;
}  // namespace fd_flags

struct Descriptor {
  enum class Kind : uint8_t { Stream, File, Directory };

  Kind kind = Kind::Stream;
  Stream stream = Stream::In;  // Kind::Stream only
  uint16_t flags = 0;
  uint64_t rights_base = 0;
  uint64_t rights_inheriting = 0;
  vfs::InodeRef inode;  // null for a stream
  uint64_t offset = 0;  // Kind::File only; ≤ INT64_MAX
  std::optional<std::string> preopen_name;
};

// The lowest free number is given out next. Pointers stay valid until that descriptor is closed or
// replaced.
class DescriptorTable {
 public:
  static constexpr uint32_t kMaxOpen = 1024;

  // TooManyFiles.
  [[nodiscard]] Outcome<uint32_t> insert(Descriptor descriptor);
  [[nodiscard]] bool is_full() const { return open_ >= kMaxOpen; }
  // Null if the number is not open.
  [[nodiscard]] Descriptor* find(uint32_t fd) const {
    return fd < slots_.size() ? slots_[fd].get() : nullptr;
  }
  // BadFd.
  [[nodiscard]] Outcome<void> close(uint32_t fd);
  // Moves `from` to the open number `to`, whose descriptor is closed. BadFd.
  [[nodiscard]] Outcome<void> renumber(uint32_t from, uint32_t to);

 private:
  std::vector<std::unique_ptr<Descriptor>> slots_;
  uint32_t open_ = 0;  // slots in use
};

}  // namespace nacre::wasi
