// Stacks for fibers: mapped in the kernel's half, each above a page that stays unmapped. They are kept for the next fiber.
#pragma once

#include "nacre/base/core/address.hh"
#include "nacre/base/core/error.hh"

namespace nacre::exec {

class FiberStack {
 public:
  // For the current CPU, where it is used until it is destroyed.
  [[nodiscard]] static Result<FiberStack> take();
  FiberStack(FiberStack&& other) noexcept;
  FiberStack& operator=(FiberStack&&) = delete;
  ~FiberStack();

  [[nodiscard]] VirtAddr bottom() const noexcept { return bottom_; }
  [[nodiscard]] VirtAddr top() const noexcept;

 private:
  explicit FiberStack(VirtAddr bottom) noexcept : bottom_(bottom) {}
  VirtAddr bottom_;  // null: moved from
};

}  // namespace nacre::exec
