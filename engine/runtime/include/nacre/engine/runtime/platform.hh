// What the engine's runtime needs of the system it runs in. The kernel implements it over a
// domain's address space, the host tools over mmap; the runtime never dereferences a guest address
// itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "nacre/base/core/address.hh"
#include "nacre/base/core/error.hh"
#include "nacre/base/core/pause_point.hh"

namespace nacre::runtime {

// What guest code may do with a range. Writable and executable does not exist.
enum class Access : uint8_t { Read, ReadWrite, ReadExecute };

class Platform {
 public:
  virtual ~Platform() = default;

  // Reserves `size` bytes of the guest's address space that fault on any access; placed at random,
  // page-aligned, with the guards that the caller counted into `size` itself.
  [[nodiscard]] virtual Result<UserAddr> reserve(ByteSize size) = 0;
  // Makes [address, address+size) of a reservation readable and writable, reading as zero. Memory
  // may come only when it is touched, but is charged to the domain's limit now.
  [[nodiscard]] virtual Result<void> commit(UserAddr address, ByteSize size) = 0;
  // Gives a whole reservation, or what publish() mapped (size rounded up to pages), back.
  virtual void release(UserAddr address, ByteSize size) = 0;
  // Maps `bytes` at a fresh address with Read or ReadExecute (a copy; padded to pages with zeros)
  // and makes them visible to instruction fetch.
  [[nodiscard]] virtual Result<UserAddr> publish(std::span<const uint8_t> bytes, Access access) = 0;

  // Copies between the kernel and committed guest memory. The range was checked by the caller
  // against its own books; an unmapped address is an error, not a crash.
  [[nodiscard]] virtual Result<void> read(UserAddr address, std::span<uint8_t> out) const = 0;
  [[nodiscard]] virtual Result<void> write(UserAddr address, std::span<const uint8_t> bytes) = 0;

  // For the runtime's own long work on this domain's behalf.
  [[nodiscard]] virtual PausePoint pauses() const { return {}; }

  // Addresses of the user runtime's entry points in this address space.
  [[nodiscard]] virtual UserAddr builtin_table() const = 0;   // uint64_t[abi::Builtin::Count]
  [[nodiscard]] virtual UserAddr host_call_gate() const = 0;  // VmContext::host_call
  [[nodiscard]] virtual UserAddr thread_exit() const = 0;     // ra of an invoked function
};

}  // namespace nacre::runtime
