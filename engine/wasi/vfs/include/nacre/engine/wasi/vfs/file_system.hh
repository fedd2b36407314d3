// An in-memory file system: trees of inodes and the operations on names that WASI's path_*
// functions need. Each mounted tree has a root of its own; every operation starts at a directory
// that the caller holds and stays below it (resolve.hh).
//
// Every operation first decides, then changes: one that fails has changed nothing. `now` is the
// time in nanoseconds since 1970-01-01 that the operation stamps. The budget must outlive the file
// system and every InodeRef.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "nacre/engine/wasi/vfs/budget.hh"
#include "nacre/engine/wasi/vfs/inode.hh"
#include "nacre/engine/wasi/vfs/resolve.hh"

namespace nacre::vfs {

struct OpenOptions {
  LastLink last = LastLink::Follow;
  bool create = false;
  bool exclusive = false;  // with create: the name must be new
  bool directory = false;  // must be a directory
  bool truncate = false;
  bool write = false;  // will be written to: refused for a directory
};

class FileSystem {
 public:
  explicit FileSystem(Budget& budget) : budget_(budget) {}
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;

  // A new tree. NoSpace.
  [[nodiscard]] Outcome<InodeRef> create_root(uint64_t now);
  // Adds a file whose content is `image`, which must stay readable and unchanged for the life of
  // the file; directories on the way are created. `path` is relative to `root`. Exist,
  // NotDirectory, NoSpace, and what resolve() refuses.
  [[nodiscard]] Outcome<InodeRef> add_image_file(const InodeRef& root, std::string_view path,
                                                 std::span<const uint8_t> image, uint64_t now);
  // Creates `path` and all directories above it that do not exist yet.
  [[nodiscard]] Outcome<InodeRef> make_directories(const InodeRef& root, std::string_view path,
                                                   uint64_t now);

  // Finds what is there. NoEntry, NotDirectory (a slash after a file's name).
  [[nodiscard]] static Outcome<InodeRef> lookup(const InodeRef& base, std::string_view path,
                                                LastLink last);
  [[nodiscard]] Outcome<InodeRef> open(const InodeRef& base, std::string_view path,
                                       const OpenOptions& options, uint64_t now);
  [[nodiscard]] Outcome<void> make_directory(const InodeRef& base, std::string_view path,
                                             uint64_t now);
  [[nodiscard]] Outcome<void> remove_directory(const InodeRef& base, std::string_view path,
                                               uint64_t now);
  [[nodiscard]] Outcome<void> unlink(const InodeRef& base, std::string_view path, uint64_t now);
  [[nodiscard]] Outcome<void> rename(const InodeRef& old_base, std::string_view old_path,
                                     const InodeRef& new_base, std::string_view new_path,
                                     uint64_t now);
  // Gives the file `old_path` a second name.
  [[nodiscard]] Outcome<void> link(const InodeRef& old_base, std::string_view old_path,
                                   const InodeRef& new_base, std::string_view new_path,
                                   uint64_t now);
  // `target` is stored as it is; an absolute one can be read, but never followed (resolve.hh).
  [[nodiscard]] Outcome<void> symlink(std::string_view target, const InodeRef& base,
                                      std::string_view path, uint64_t now);
  // The target of the link `path`; Invalid if it is no link. Valid as long as the link.
  [[nodiscard]] static Outcome<std::string_view> read_link(const InodeRef& base,
                                                           std::string_view path);

 private:
  [[nodiscard]] Outcome<InodeRef> make_inode(Inode::Content content, uint64_t extra_bytes,
                                             uint64_t now);
  // Enters a new inode under the name that `where` found to be free.
  [[nodiscard]] Outcome<InodeRef> enter(const Resolved& where, Inode::Content content,
                                        uint64_t extra_bytes, uint64_t now);
  [[nodiscard]] Outcome<InodeRef> make_directory_at(const Resolved& where, uint64_t now);

  // What an inode and its content object cost.
  static constexpr uint64_t kInodeCost = 384;

  Budget& budget_;
  uint64_t next_number_ = 1;
};

}  // namespace nacre::vfs
