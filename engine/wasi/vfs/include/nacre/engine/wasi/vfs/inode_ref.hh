// A counted reference to an inode.
#pragma once

#include <utility>

namespace nacre::vfs {

class Inode;

class InodeRef {
 public:
  InodeRef() = default;
  explicit InodeRef(Inode* inode) : inode_(inode) { acquire(); }
  InodeRef(const InodeRef& other) : inode_(other.inode_) { acquire(); }
  InodeRef(InodeRef&& other) noexcept : inode_(std::exchange(other.inode_, nullptr)) {}
  InodeRef& operator=(InodeRef other) noexcept {
    std::swap(inode_, other.inode_);
    return *this;
  }
  ~InodeRef() { release(); }

  [[nodiscard]] Inode* get() const { return inode_; }
  Inode* operator->() const { return inode_; }
  Inode& operator*() const { return *inode_; }
  explicit operator bool() const { return inode_ != nullptr; }
  friend bool operator==(const InodeRef& a, const InodeRef& b) { return a.inode_ == b.inode_; }

  // True if no other reference to the inode exists.
  [[nodiscard]] bool is_last() const;

 private:
  void acquire();
  void release();

  Inode* inode_ = nullptr;
};

}  // namespace nacre::vfs
