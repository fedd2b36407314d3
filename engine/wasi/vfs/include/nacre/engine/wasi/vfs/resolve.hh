// Path resolution inside a sandbox: a path is walked from a directory and can never leave the tree
// below it.
//
// Rules (POSIX.1-2017 §4.13, restricted by WASI's capability model):
//  - absolute paths, absolute link targets and ".." above the starting directory are refused with
//  Permission;
//  - at most kMaxLinks symbolic links are followed (Loop); a component has at most kMaxName bytes
//  and a path, with the
//    links in it expanded, at most kMaxPath (NameTooLong);
//  - NUL bytes are Invalid, text that is not UTF-8 is IllegalSequence, an empty path is NoEntry;
//  - a trailing slash demands a directory.
#pragma once

#include <string>
#include <string_view>

#include "nacre/engine/wasi/vfs/inode.hh"

namespace nacre::vfs {

inline constexpr size_t kMaxName = 255;
inline constexpr size_t kMaxPath = 4096;
inline constexpr unsigned kMaxLinks = 40;

// What happens to a symbolic link in the last component.
enum class LastLink : uint8_t {
  Follow,         // always
  Keep,           // it is the result, unless a slash follows it
  KeepWithSlash,  // it is the result, always: for operations on names (remove, rename)
};

struct Resolved {
  InodeRef parent;   // directory that has, or would have, the entry
  std::string name;  // empty if the path ends in "." or ".." or is the starting directory
  InodeRef inode;    // null if there is no such entry
  bool wants_directory = false;  // trailing slash, "." or ".."
};

// `base` must be a directory. NoEntry only for a missing directory on the way: a missing last
// component is a success.
[[nodiscard]] Outcome<Resolved> resolve(const InodeRef& base, std::string_view path, LastLink last);

// True if `text` is well-formed UTF-8.
[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace nacre::vfs
