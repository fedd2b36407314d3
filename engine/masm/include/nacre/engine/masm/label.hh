// A place in the code that branches go to. Bound once; may be used before and after. Trivially
// copyable and without an allocation: the uses before binding hang on a chain in the assembler's
// pool. Belongs to one function; a copy made while uses are pending must replace the original
// (moving a control stack does that).
#pragma once

#include <cstdint>

#include "nacre/base/core/panic.hh"

namespace nacre::masm {

class Label {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};

  [[nodiscard]] bool is_bound() const { return position_ != kNone; }
  // Someone branches here already.
  [[nodiscard]] bool is_used() const { return first_use_ != kNone; }
  // Bytes from the start of the module's code.
  [[nodiscard]] uint32_t position() const {
    ASSERT(is_bound());
    return position_;
  }

  // For assemblers: the head of the chain of unresolved uses.
  [[nodiscard]] uint32_t first_use() const { return first_use_; }
  void set_first_use(uint32_t use) { first_use_ = use; }
  void set_position(uint32_t position) { position_ = position; }

 private:
  uint32_t position_ = kNone;
  uint32_t first_use_ = kNone;
};

}  // namespace nacre::masm
