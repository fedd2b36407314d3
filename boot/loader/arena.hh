// Pages cut from the front of one free region; also where page tables come from (paging::FrameSource).
#pragma once

#include <cstring>
#include <optional>
#include <span>

#include "machine.hh"
#include "nacre/abi/boot_info.hh"
#include "nacre/base/core/address.hh"
#include "nacre/base/paging/page_table.hh"

namespace nacre::loader {

class Arena {
 public:
  explicit Arena(std::span<std::byte> memory) : memory_(memory) {}

  // Whole pages with whatever was there before; the result has the size asked for.
  [[nodiscard]] std::span<std::byte> allocate_raw(size_t size) {
    const size_t pages = (size + kPageSize - 1) & ~(kPageSize - 1);
    if (pages < size || pages > memory_.size() - used_) stop("out of memory");
    const std::span<std::byte> piece = memory_.subspan(used_, size);
    used_ += pages;
    return piece;
  }
  // Zeroed, to the end of the last page.
  [[nodiscard]] std::span<std::byte> allocate(size_t size) {
    const size_t begin = used_;
    const std::span<std::byte> piece = allocate_raw(size);
    std::memset(memory_.data() + begin, 0, used_ - begin);
    return piece;
  }

  [[nodiscard]] abi::Range used() const {
    // SAFETY: translation is off: pointers are physical addresses.
    return {reinterpret_cast<uint64_t>(memory_.data()), used_};
  }

  std::optional<PhysAddr> allocate_table() noexcept {
    // SAFETY: as above.
    return PhysAddr(reinterpret_cast<uint64_t>(allocate(kPageSize).data()));
  }
  void free_table(PhysAddr) noexcept {}
  paging::Entry* table_at(PhysAddr frame) noexcept {
    // SAFETY: frames are pages of ours, and translation is off.
    return reinterpret_cast<paging::Entry*>(frame.value());
  }

 private:
  std::span<std::byte> memory_;
  size_t used_ = 0;
};
static_assert(paging::FrameSource<Arena>);

}  // namespace nacre::loader
