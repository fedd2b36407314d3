// The entries of a directory: looked up by name, listed in order of creation.
//
// Each entry gets a cookie that is never reused, and a listing goes on after a cookie, so entries
// that are created or removed while a guest lists the directory are neither shown twice nor make
// others vanish. Cookies 1 and 2 are "." and
// "..".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "nacre/engine/wasi/vfs/budget.hh"
#include "nacre/engine/wasi/vfs/errno.hh"
#include "nacre/engine/wasi/vfs/inode_ref.hh"

namespace nacre::vfs {

class Directory {
 public:
  static constexpr uint64_t kFirstCookie = 3;

  struct Entry {
    InodeRef inode;
    uint64_t cookie = 0;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  explicit Directory(Budget& budget) : budget_(budget) {}
  // Takes the tree below apart without recursion, however deep it is.
  ~Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  [[nodiscard]] bool is_empty() const { return entries_.empty(); }
  [[nodiscard]] uint64_t count() const { return entries_.size(); }

  // Null reference if there is no such entry.
  [[nodiscard]] InodeRef find(std::string_view name) const;
  // `name` must be new. NoSpace.
  [[nodiscard]] Outcome<void> insert(std::string_view name, InodeRef inode);
  // The entry must exist; it keeps its cookie and never fails.
  void replace(std::string_view name, InodeRef inode);
  // The entry must exist.
  void erase(std::string_view name);

  struct Listed {
    std::string_view name;  // valid until the directory changes
    Inode* inode;
    uint64_t cookie;
  };
  // The first entry with a cookie greater than `after` (which excludes "." and ".."), if any.
  [[nodiscard]] bool next_after(uint64_t after, Listed& out) const;

  // The directory that holds this one; null for a root and for a removed directory. Borrowed: a
  // parent outlives its entries, and erase() of the entry clears it.
  [[nodiscard]] Inode* parent() const { return parent_; }
  void set_parent(Inode* parent) { parent_ = parent; }
  // A removed directory takes no new entries.
  [[nodiscard]] bool is_removed() const { return removed_; }
  void set_removed() { removed_ = true; }

 private:
  // What an entry costs besides its name: two map nodes.
  static constexpr uint64_t kEntryOverhead = 192;
  static uint64_t cost_of(std::string_view name) { return kEntryOverhead + name.size(); }

  Budget& budget_;
  Entries entries_;
  std::map<uint64_t, Entries::const_iterator> by_cookie_;
  uint64_t next_cookie_ = kFirstCookie;
  Inode* parent_ = nullptr;
  bool removed_ = false;
};

}  // namespace nacre::vfs
