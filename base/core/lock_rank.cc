#include "nacre/base/core/lock_rank.hh"

#include <bit>
#include <cstring>

#include "nacre/base/core/panic.hh"

namespace nacre {

void HeldLocks::report(LockRank wanted) const {
  const auto held = static_cast<size_t>(31 - std::countl_zero(held_));
  // Without the heap: its locks may be the ones that are meant.
  std::array<char, 96> text;
  size_t length = 0;
  const std::string_view words[] = {"lock order: ", kLockRankNames[static_cast<size_t>(wanted)],
                                    " is taken by one who holds ", kLockRankNames[held]};
  for (const std::string_view word : words) {
    std::memcpy(&text[length], word.data(), word.size());
    length += word.size();
  }
  panic({text.data(), length});
}

}  // namespace nacre
