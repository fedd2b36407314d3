// The runtime's Platform in a Linux process: guest memory is the process's own, reserved and protected with mmap.
//
// Every range that read() and write() may touch is in the books here, so that a wild address is an error.
#pragma once

#include <cstdint>
#include <map>

#include "nacre/engine/runtime/platform.hh"

namespace nacre::host {

class PosixPlatform final : public runtime::Platform {
 public:
  PosixPlatform() = default;
  PosixPlatform(const PosixPlatform&) = delete;
  PosixPlatform& operator=(const PosixPlatform&) = delete;
  ~PosixPlatform() override;

  [[nodiscard]] Result<UserAddr> reserve(ByteSize size) override;
  [[nodiscard]] Result<void> commit(UserAddr address, ByteSize size) override;
  void release(UserAddr address, ByteSize size) override;
  [[nodiscard]] Result<UserAddr> publish(std::span<const uint8_t> bytes,
                                         runtime::Access access) override;
  [[nodiscard]] Result<void> read(UserAddr address, std::span<uint8_t> out) const override;
  [[nodiscard]] Result<void> write(UserAddr address, std::span<const uint8_t> bytes) override;
  [[nodiscard]] UserAddr builtin_table() const override;
  [[nodiscard]] UserAddr host_call_gate() const override;
  [[nodiscard]] UserAddr thread_exit() const override;

 private:
  // A mapping; only [begin, end) of it, as offsets, can be read, and written if `is_writable`. The first commit of a
  // reservation says where that begins, later ones continue where it ends.
  struct Mapping {
    uint64_t size;
    uint64_t begin;
    uint64_t end;
    bool is_writable;
  };

  // Unmaps, or keeps for the next reservation of this size.
  static void give_back(UserAddr address, const Mapping& mapping);
  // The mapping that holds [address, address + size) entirely within its accessible part, or nullptr.
  [[nodiscard]] const Mapping* find(UserAddr address, uint64_t size) const;

  std::map<uint64_t, Mapping> mappings_;  // by start address
};

}  // namespace nacre::host
