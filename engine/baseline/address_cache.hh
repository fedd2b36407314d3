// Addresses that straight-line code has computed already: memory base + zero-extended local + high part of an offset, and
// memory base + high part alone. They lie in temporaries that nobody uses; when one is wanted, the entry goes.
//
// An entry dies when its local is written, its register is reclaimed, or code joins at a label or returns from a call.
#pragma once

#include <array>
#include <cstdint>

#include "registers.hh"

namespace nacre::baseline {

class AddressCache {
 public:
  // Register holding base + zext(local in `index`) + high, or kNoReg. `index` == kZero: base + high alone.
  [[nodiscard]] Reg find(Reg index, uint64_t high) const {
    if (index != kZero) {
      const Entry& entry = by_index_[index];
      return (known_ & bit(index)) != 0 && entry.high == high ? entry.holder : kNoReg;
    }
    for (const Page& page : pages_) {
      if (page.holder != kNoReg && page.high == high) return page.holder;
    }
    return kNoReg;
  }

  // `holder` is used by the caller alone and becomes the cache's.
  void remember(RegisterPool& pool, Reg index, uint64_t high, Reg holder) {
    if (index != kZero) {
      forget_index(pool, index);
      by_index_[index] = {high, holder};
      known_ |= bit(index);
      index_of_[holder] = index;
    } else {
      Page& page = pages_[next_page_];
      if (page.holder != kNoReg) pool.free_address(page.holder);
      page = {high, holder};
      index_of_[holder] = static_cast<Reg>(kPageMark + next_page_);
      next_page_ = (next_page_ + 1) % pages_.size();
    }
    pool.use_to_address(holder);
  }

  // The local in `index` changes.
  void forget_index(RegisterPool& pool, Reg index) {
    if ((known_ & bit(index)) == 0) return;
    known_ &= ~bit(index);
    pool.free_address(by_index_[index].holder);
  }

  // The holder is free afterwards.
  void forget_holder(RegisterPool& pool, Reg holder) {
    const Reg index = index_of_[holder];
    if (index >= kPageMark) {
      pages_[index - kPageMark].holder = kNoReg;
    } else {
      known_ &= ~bit(index);
    }
    pool.free_address(holder);
  }

  // One to give up: in turn, so that a new entry is not the next victim. `addresses` is not empty.
  [[nodiscard]] Reg victim(RegSet addresses) {
    const RegSet later = addresses & ~((RegSet{2} << last_victim_) - 1);
    last_victim_ = lowest(later != 0 ? later : addresses);
    return last_victim_;
  }

  // With the pool itself.
  void reset() {
    known_ = 0;
    for (Page& page : pages_) page.holder = kNoReg;
  }

  void clear(RegisterPool& pool) {
    if (pool.addresses() == 0) return;
    pool.free_all_addresses();
    reset();
  }

 private:
  static constexpr Reg kPageMark = 64;
  struct Entry {
    uint64_t high;
    Reg holder;
  };
  struct Page {
    uint64_t high = 0;
    Reg holder = kNoReg;
  };

  std::array<Entry, 32> by_index_{};
  std::array<Page, 4> pages_{};
  std::array<Reg, 32> index_of_{};
  RegSet known_ = 0;  // indices with an entry
  size_t next_page_ = 0;
  Reg last_victim_ = 0;
};

}  // namespace nacre::baseline
