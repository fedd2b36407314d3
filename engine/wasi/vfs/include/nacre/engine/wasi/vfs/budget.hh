// What a file system may take from the heap. Every inode, directory entry and chunk of file data is
// charged before it is allocated and refunded when it is freed, so a guest that fills its file
// system gets "no space", never the whole heap.
#pragma once

#include <cstdint>

#include "nacre/base/core/panic.hh"

namespace nacre::vfs {

class Budget {
 public:
  virtual ~Budget() = default;
  // True if `bytes` more were granted.
  [[nodiscard]] virtual bool try_charge(uint64_t bytes) = 0;
  virtual void refund(uint64_t bytes) = 0;
};

// A budget with one fixed limit.
class FixedBudget final : public Budget {
 public:
  explicit FixedBudget(uint64_t limit_bytes) : limit_(limit_bytes) {}

  [[nodiscard]] bool try_charge(uint64_t bytes) override {
    if (bytes > limit_ - used_) return false;
    used_ += bytes;
    return true;
  }
  void refund(uint64_t bytes) override {
    ASSERT(bytes <= used_);
    used_ -= bytes;
  }
  [[nodiscard]] uint64_t used() const { return used_; }

 private:
  uint64_t limit_;
  uint64_t used_ = 0;  // ≤ limit_
};

}  // namespace nacre::vfs
