#include "kernel_layout.hh"

#include <algorithm>

#include "nacre/base/core/address.hh"

namespace nacre::loader {
namespace {

// The half's first and last bytes stay free: addresses near its ends are easily made by mistake.
constexpr uint64_t kMargin = abi::BootInfo::kFreeTop;
// A half of 256 GiB, the smallest, hardly ever takes a second draw.
constexpr unsigned kMaxDraws = 1000;

constexpr uint64_t align_up(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

}  // namespace

bool KernelLayout::touches_another(uint64_t begin, uint64_t size) const {
  return std::ranges::any_of(std::span(pieces_).first(count_), [&](const abi::Range& other) {
    return begin < other.begin + other.size + kGuardSize && other.begin < begin + size + kGuardSize;
  });
}

std::optional<uint64_t> KernelLayout::take(uint64_t begin, uint64_t size) {
  if (count_ == pieces_.size()) return std::nullopt;
  pieces_[count_++] = {begin, size};
  next_ = begin + size + kGuardSize;
  return begin;
}

std::optional<uint64_t> KernelLayout::draw(uint64_t size, uint64_t alignment) {
  const uint64_t begin = paging::upper_half_begin(mode_) + kMargin;
  const uint64_t room = uint64_t{0} - begin - kMargin;
  if (size > room) return std::nullopt;
  // At most 2^45 places out of 2^64 draws: what the remainder favours cannot be seen.
  const uint64_t places = (room - size) / alignment + 1;
  for (unsigned i = 0; i < kMaxDraws; ++i) {
    const uint64_t address = begin + random_->next() % places * alignment;
    if (!touches_another(address, size)) return take(address, size);
  }
  return std::nullopt;
}

std::optional<uint64_t> KernelLayout::place_direct_map(uint64_t memory_end) {
  if (memory_end > paging::lower_half_end(mode_)) return std::nullopt;
  const uint64_t span = std::max(kDirectMapSpan, align_up(memory_end, kDirectMapAlignment));
  if (span >= paging::lower_half_end(mode_) - kMargin) return std::nullopt;
  if (random_ != nullptr) return draw(span, kDirectMapAlignment);
  return take(paging::upper_half_begin(mode_), span);
}

std::optional<uint64_t> KernelLayout::place_image(uint64_t size) {
  const uint64_t pages = align_up(size, kPageSize);
  return random_ != nullptr ? draw(pages, kPageSize) : take(kLinkAddress, pages);
}

std::optional<abi::Range> KernelLayout::place_piece(uint64_t size) {
  const uint64_t pages = align_up(std::max<uint64_t>(size, 1), kPageSize);
  const auto begin = random_ != nullptr ? draw(pages, kPageSize) : take(next_, pages);
  if (!begin) return std::nullopt;
  return abi::Range{*begin, pages};
}

bool KernelLayout::place_cpus(const abi::BootRequest& request, uint64_t tls_size,
                              std::span<abi::BootCpu> cpus) {
  for (abi::BootCpu& cpu : cpus) {
    const auto stack = place_piece(request.boot_stack_pages * kPageSize);
    const auto emergency = place_piece(request.emergency_stack_pages * kPageSize);
    const auto tls = place_piece(tls_size);
    if (!stack || !emergency || !tls) return false;
    cpu.boot_stack = *stack;
    cpu.emergency_stack = *emergency;
    cpu.tls = *tls;
  }
  return true;
}

}  // namespace nacre::loader
