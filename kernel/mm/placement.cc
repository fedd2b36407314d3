// Where regions go: at random inside a window, uniformly over everything that is free there when luck does not find a
// place at once.
#include <algorithm>

#include "nacre/kernel/mm/address_space.hh"

namespace nacre::mm {

namespace {

constexpr uint64_t kLargeWindow = uint64_t{512} << 30;
constexpr uint64_t kSmallWindow = uint64_t{1} << 30;
constexpr uint64_t kLargePage = uint64_t{2} << 20;
// Blocks of 16 pages do not straddle tables then.
constexpr uint64_t kSmallAlignment = uint64_t{64} << 10;
constexpr int kGuesses = 8;
constexpr int kWindows = 4;

constexpr uint64_t alignment_for(uint64_t size) {
  return size >= kLargePage ? kLargePage : kSmallAlignment;
}

}  // namespace

// 0 … bound-1, uniform up to 2^-40 or so for the bounds here.
uint64_t AddressSpace::random_below(uint64_t bound) noexcept {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(machine_.random.next()) * bound >>
                               64);
}

// Whether a region with gaps around it fits.
bool AddressSpace::is_free(uint64_t start, uint64_t size) const noexcept {
  const uint64_t half = paging::lower_half_end(machine_.mode);
  if (start < kLowestAddress || size > half) return false;
  if (start > half - size - kGap.bytes()) return false;
  const auto next = regions_.lower_bound(start);
  if (next != regions_.end() && next->first < start + size + kGap.bytes()) return false;
  if (next == regions_.begin()) return true;
  const Region& previous = std::prev(next)->second;
  return previous.start.value() + previous.size.bytes() + kGap.bytes() <= start;
}

// An aligned window of a size inside another.
AddressSpace::Window AddressSpace::pick_window(Window inside, uint64_t size) noexcept {
  size = std::min(size, inside.size);
  return {inside.start + random_below(inside.size / size) * size, size};
}

std::optional<UserAddr> AddressSpace::place_in(Window window, uint64_t size,
                                               uint64_t alignment) noexcept {
  if (size > window.size) return std::nullopt;
  const uint64_t positions = (window.size - size) / alignment + 1;
  for (int i = 0; i < kGuesses; ++i) {
    const uint64_t start = window.start + random_below(positions) * alignment;
    if (is_free(start, size)) return UserAddr(start);
  }
  return place_in_gap(window, size, alignment);
}

// Counts the positions in all gaps, then takes one of them.
std::optional<UserAddr> AddressSpace::place_in_gap(Window window, uint64_t size,
                                                   uint64_t alignment) noexcept {
  const uint64_t gap = kGap.bytes();
  const uint64_t half = paging::lower_half_end(machine_.mode);
  const uint64_t window_end = std::min(window.start + window.size, half - gap);
  // Calls visit(first position, count) for each gap of the window that has room.
  const auto for_each_gap = [&](auto visit) REQUIRES(lock_) {
    uint64_t low = std::max(window.start, kLowestAddress);
    const auto offer = [&](uint64_t high) {
      const uint64_t first = (low + alignment - 1) & ~(alignment - 1);
      if (high >= size && first <= high - size) visit(first, (high - size - first) / alignment + 1);
    };
    for (const auto& [start, region] : regions_) {
      if (start >= window_end + gap) break;
      offer(std::min(window_end, start > gap ? start - gap : 0));
      low = std::max(low, start + region.size.bytes() + gap);
    }
    offer(window_end);
  };
  uint64_t total = 0;
  for_each_gap([&](uint64_t, uint64_t count) { total += count; });
  if (total == 0) return std::nullopt;
  uint64_t chosen = random_below(total);
  std::optional<UserAddr> place;
  for_each_gap([&](uint64_t first, uint64_t count) {
    if (!place && chosen < count) place = UserAddr(first + chosen * alignment);
    chosen -= std::min(chosen, count);
  });
  return place;
}

Result<UserAddr> AddressSpace::place(ByteSize size, uint64_t alignment) {
  alignment = std::max(alignment, alignment_for(size.bytes()));
  const Window half{0, paging::lower_half_end(machine_.mode)};
  if (large_.size == 0) large_ = pick_window(half, kLargeWindow);
  if (small_.size == 0) small_ = pick_window(large_, kSmallWindow);
  if (size <= kSmallRegion) {
    for (int i = 0; i < kWindows; ++i) {
      if (const auto place = place_in(small_, size.bytes(), alignment)) return *place;
      small_ = pick_window(large_, kSmallWindow);
    }
  }
  for (int i = 0; i < kWindows; ++i) {
    if (const auto place = place_in(large_, size.bytes(), alignment)) return *place;
    large_ = pick_window(half, kLargeWindow);
  }
  if (const auto place = place_in(half, size.bytes(), alignment)) return *place;
  return fail(ErrorCode::LimitExceeded, "address space is full");
}

}  // namespace nacre::mm
