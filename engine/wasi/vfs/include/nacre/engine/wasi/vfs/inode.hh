// Inodes: a regular file, a directory or a symbolic link, counted by references from directory
// entries and open files.
//
// A file lives as long as a name or an open file refers to it. nlink counts names only, so an
// unlinked file that is still open has nlink 0. A file system and everything in it is used by one
// task at a time; the counts are not atomic.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "nacre/engine/wasi/vfs/directory.hh"
#include "nacre/engine/wasi/vfs/file_data.hh"
#include "nacre/engine/wasi/vfs/inode_ref.hh"

namespace nacre::vfs {

// WASI's `filetype`.
enum class FileType : uint8_t {
  Unknown = 0,
  CharacterDevice = 2,
  Directory = 3,
  RegularFile = 4,
  SymbolicLink = 7,
};

// Nanoseconds since 1970-01-01.
struct Times {
  uint64_t accessed = 0;
  uint64_t modified = 0;
  uint64_t changed = 0;
};

struct SymbolicLink {
  std::string target;
};

class Inode {
 public:
  using Content = std::variant<std::unique_ptr<FileData>, std::unique_ptr<Directory>, SymbolicLink>;

  // `charged_bytes` were charged to `budget` and are refunded with the inode.
  Inode(Budget& budget, uint64_t charged_bytes, uint64_t number, uint64_t now, Content content)
      : content_(std::move(content)),
        budget_(budget),
        charged_bytes_(charged_bytes),
        number_(number),
        times_{now, now, now} {}
  ~Inode();
  Inode(const Inode&) = delete;
  Inode& operator=(const Inode&) = delete;

  [[nodiscard]] uint64_t number() const { return number_; }
  [[nodiscard]] FileType type() const;
  [[nodiscard]] bool is_directory() const { return directory() != nullptr; }
  [[nodiscard]] bool is_file() const { return file() != nullptr; }
  [[nodiscard]] bool is_link() const { return link_target() != nullptr; }

  // Null if the inode is of another type.
  [[nodiscard]] FileData* file() const;
  [[nodiscard]] Directory* directory() const;
  [[nodiscard]] const std::string* link_target() const;

  // Bytes of a file or of a link's target; entries of a directory.
  [[nodiscard]] uint64_t size() const;

  [[nodiscard]] uint32_t links() const { return links_; }
  void add_link() { ++links_; }
  void drop_link() {
    ASSERT(links_ != 0);
    --links_;
  }

  [[nodiscard]] const Times& times() const { return times_; }
  void set_times(const Times& times) { times_ = times; }
  // Content changed.
  void touch(uint64_t now) { times_.modified = times_.changed = now; }
  // Only the inode changed (its number of links).
  void touch_inode(uint64_t now) { times_.changed = now; }

 private:
  friend class InodeRef;

  Content content_;
  Budget& budget_;
  uint64_t charged_bytes_;
  uint64_t number_;
  Times times_;
  uint32_t links_ = 0;
  uint32_t references_ = 0;
};

}  // namespace nacre::vfs
