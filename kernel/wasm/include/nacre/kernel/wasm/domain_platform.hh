// The engine's Platform over a domain's address space: reservations, published code and copies are calls on
// mm::AddressSpace, and the user runtime is mapped read-execute beside the guest's own code.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "nacre/base/core/address.hh"
#include "nacre/base/core/error.hh"
#include "nacre/engine/runtime/platform.hh"
#include "nacre/kernel/exec/fiber.hh"
#include "nacre/kernel/mm/address_space.hh"

namespace nacre::kwasm {

class DomainPlatform final : public runtime::Platform {
 public:
  // Maps the user runtime into `space`, which must outlive the platform.
  [[nodiscard]] static Result<std::unique_ptr<DomainPlatform>> create(mm::AddressSpace& space);

  [[nodiscard]] Result<UserAddr> reserve(ByteSize size) override;
  [[nodiscard]] Result<void> commit(UserAddr address, ByteSize size) override;
  void release(UserAddr address, ByteSize size) override;
  [[nodiscard]] Result<UserAddr> publish(std::span<const uint8_t> bytes,
                                         runtime::Access access) override;
  [[nodiscard]] Result<void> read(UserAddr address, std::span<uint8_t> out) const override;
  [[nodiscard]] Result<void> write(UserAddr address, std::span<const uint8_t> bytes) override;
  [[nodiscard]] PausePoint pauses() const override { return exec::fiber_pauses(); }
  [[nodiscard]] UserAddr builtin_table() const override { return builtin_table_; }
  [[nodiscard]] UserAddr host_call_gate() const override { return host_call_gate_; }
  [[nodiscard]] UserAddr thread_exit() const override { return thread_exit_; }

 private:
  explicit DomainPlatform(mm::AddressSpace& space) : space_(space) {}
  [[nodiscard]] Result<void> map_user_runtime();

  mm::AddressSpace& space_;
  UserAddr builtin_table_;
  UserAddr host_call_gate_;
  UserAddr thread_exit_;
};

}  // namespace nacre::kwasm
