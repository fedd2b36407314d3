// Machine code for user mode in an address space of its own, for tests that need no engine.
#pragma once

#include <array>
#include <bit>
#include <memory>
#include <span>

#include "nacre/kernel/mm/kernel_memory.hh"
#include "nacre/kernel/mm/user_fault.hh"
#include "nacre/kernel/testing/test.hh"

namespace nacre::testing {

class UserCode {
 public:
  // `code` is position-independent. `memory` bounds what the space may hold.
  explicit UserCode(std::span<const uint8_t> code, ByteSize memory = ByteSize::mib(1))
      : first_(code.data()) {
    auto space = mm::AddressSpace::create(mm::machine(), make_ref<mm::Budget>(memory));
    REQUIRE(space.has_value());
    space_ = std::move(*space);
    const auto start = space_->publish(code, paging::Access::ReadExecute);
    REQUIRE(start.has_value());
    start_ = *start;
  }
  template <size_t N>
  explicit UserCode(const std::array<uint32_t, N>& instructions, ByteSize memory = ByteSize::mib(1))
      : UserCode(std::bit_cast<std::array<uint8_t, N * sizeof(uint32_t)>>(instructions), memory) {}

  [[nodiscard]] mm::AddressSpace& space() { return *space_; }
  [[nodiscard]] UserAddr start() const { return start_; }
  // Of a label in the span that this was made of.
  [[nodiscard]] uint64_t address_of(const uint8_t* label) const {
    return start_.value() + static_cast<uint64_t>(label - first_);
  }
  // Whether it was a page fault that the space has served, so that the user may go on.
  [[nodiscard]] bool serve(const trap::ExitReason& exit) {
    const auto access = mm::access_of(exit.cause);
    return access && space_->fault(UserAddr(exit.value), *access) == mm::FaultOutcome::Resolved;
  }

 private:
  const uint8_t* first_;
  std::unique_ptr<mm::AddressSpace> space_;
  UserAddr start_;
};

}  // namespace nacre::testing
