// Operations on ranges of pages, which may cross regions and begin and end inside them.
//
// The order of each: check → cut the regions at the range's edges → split the large leaves there → pay for the pieces. What
// fails up to here is undone. Then the change itself, which cannot fail.
#include <algorithm>
#include <array>
#include <new>
#include <span>

#include "errors.hh"
#include "nacre/base/core/panic.hh"
#include "nacre/kernel/mm/address_space.hh"

namespace nacre::mm {

namespace {

// What can be accessed of a region's pages [from, to), relative to `from`.
std::vector<PageInterval> clip(const Region& region, uint64_t from, uint64_t to) {
  std::vector<PageInterval> clipped;
  clipped.reserve(region.accessible.size());
  for (const PageInterval interval : region.accessible) {
    const uint64_t begin = std::max(interval.begin, from);
    const uint64_t end = std::min(interval.end, to);
    if (begin < end) clipped.push_back({begin - from, end - from});
  }
  return clipped;
}

}  // namespace

// A region that was cut in two, and what it takes to undo that.
struct AddressSpace::Cut {
  Regions::iterator left;
  Regions::iterator right;
  std::vector<PageInterval> accessible;  // of both, as it was
  bool was_cut_before = false;
  bool is_made = false;
};

// ---- checks -----------------------------------------------------------------------------------------------------

Result<void> AddressSpace::check_range(UserAddr start, ByteSize size) {
  if (!start.is_aligned(kPageSize) || !size.is_page_aligned() || size.bytes() == 0 ||
      !start.checked_add(size)) {
    return bad_argument();
  }
  return {};
}

// Whether every page of the range is in a region.
Result<void> AddressSpace::check_coverage(uint64_t begin, uint64_t end) const {
  for (uint64_t at = begin; at < end;) {
    const Region* region = region_of(UserAddr(at));
    if (region == nullptr) return not_found();
    at = region->end();
  }
  return {};
}

// The first region that ends behind `begin`.
AddressSpace::Regions::iterator AddressSpace::first_region_in(uint64_t begin) noexcept {
  auto next = regions_.upper_bound(begin);
  if (next != regions_.begin() && std::prev(next)->second.holds(begin)) --next;
  return next;
}

// ---- cutting ----------------------------------------------------------------------------------------------------

// Cuts the region that `address` lies inside of, if there is one.
Result<void> AddressSpace::cut_at(uint64_t address, Cut& cut) {
  const auto left = first_region_in(address);
  if (left == regions_.end() || left->first >= address) return {};
  Region& region = left->second;
  const uint64_t page = (address - left->first) >> kPageShift;
  const uint64_t pages = region.size.pages_up();
  try {
    auto before = clip(region, 0, page);
    auto behind = clip(region, page, pages);
    const auto right = regions_.try_emplace(address).first;
    Region& piece = right->second;
    piece.start = UserAddr(address);
    piece.size = ByteSize::pages(pages - page);
    piece.kind = region.kind;
    piece.access = region.access;
    piece.was_cut = true;
    piece.object = region.object;
    piece.anonymous = region.anonymous;
    piece.first_page = region.first_page + page;
    piece.accessible = std::move(behind);
    cut.accessible = std::exchange(region.accessible, std::move(before));
    cut.was_cut_before = std::exchange(region.was_cut, true);
    region.size = ByteSize::pages(page);
    cut.left = left;
    cut.right = right;
    cut.is_made = true;
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
  return {};
}

void AddressSpace::undo(Cut& cut) noexcept {
  if (!cut.is_made) return;
  Region& region = cut.left->second;
  region.size = region.size + cut.right->second.size;
  region.accessible = std::move(cut.accessible);
  region.was_cut = cut.was_cut_before;
  regions_.erase(cut.right);
}

Result<void> AddressSpace::split_leaves(uint64_t begin, uint64_t end) noexcept {
  for (const uint64_t edge : {begin, end}) {
    if (edge < paging::lower_half_end(machine_.mode) && !table_.split(VirtAddr(edge))) {
      return out_of_memory();
    }
  }
  return {};
}

// Pays for the pieces that stay, with what the regions they come from had paid and, if need be, more.
Result<void> AddressSpace::settle(std::span<const Cut> cuts, uint64_t begin, uint64_t end,
                                  Fate fate) {
  std::array<Region*, 4> pieces{};
  size_t count = 0;
  const auto add = [&](Region& piece) {
    if (std::find(pieces.begin(), pieces.end(), &piece) == pieces.end()) pieces[count++] = &piece;
  };
  for (const Cut& cut : cuts) {
    if (!cut.is_made) continue;
    add(cut.left->second);
    add(cut.right->second);
  }
  const auto cost = [&](const Region& piece) {
    const bool is_inside = piece.start.value() >= begin && piece.end() <= end;
    return is_inside && fate == Fate::Removed ? ByteSize() : cost_of(piece, piece.accessible);
  };
  ByteSize paid;
  ByteSize needed;
  for (Region* piece : std::span(pieces).first(count)) {
    paid = paid + piece->charge.size();
    needed = needed + cost(*piece);
  }
  Charge pool(budget_);
  if (needed > paid && !pool.try_grow(needed - paid)) {
    return over_budget();
  }
  for (Region* piece : std::span(pieces).first(count)) pool.absorb(std::move(piece->charge));
  for (Region* piece : std::span(pieces).first(count)) piece->charge = pool.take(cost(*piece));
  return {};
}

// On success regions and leaves end where the range does.
Result<void> AddressSpace::cut_out(uint64_t begin, uint64_t end, Fate fate) {
  std::array<Cut, 2> cuts;
  recent_ = nullptr;
  auto done = cut_at(begin, cuts[0]);
  if (done) done = cut_at(end, cuts[1]);
  if (done) done = split_leaves(begin, end);
  if (done) done = settle(cuts, begin, end, fate);
  if (done) return {};
  undo(cuts[1]);
  undo(cuts[0]);
  return done;
}

// ---- joining ----------------------------------------------------------------------------------------------------

// Makes two regions one if they fit together, and forgets it if there is no memory for that.
bool AddressSpace::try_join(Region& region, Region& behind) noexcept {
  if (!region.is_continued_by(behind)) return false;
  const uint64_t offset = region.size.pages_up();
  std::vector<PageInterval> both;
  try {
    both.reserve(region.accessible.size() + behind.accessible.size());
  } catch (const std::bad_alloc&) {
    return false;
  }
  both = region.accessible;
  for (const PageInterval interval : behind.accessible) {
    if (!both.empty() && both.back().end == interval.begin + offset) {
      both.back().end = interval.end + offset;
    } else {
      both.push_back({interval.begin + offset, interval.end + offset});
    }
  }
  region.size = region.size + behind.size;
  region.accessible = std::move(both);
  region.charge.absorb(std::move(behind.charge));
  // One region's books and tables cost no more than those of its parts.
  const ByteSize cost = cost_of(region, region.accessible);
  ASSERT(cost <= region.charge.size());
  region.charge.shrink(region.charge.size() - cost);
  return true;
}

// Joins what fits together from the region before `begin` to the one at `end`.
void AddressSpace::join_around(uint64_t begin, uint64_t end) noexcept {
  auto position = first_region_in(begin - 1);
  while (position != regions_.end()) {
    const auto next = std::next(position);
    if (next == regions_.end() || next->first > end) return;
    if (try_join(position->second, next->second)) {
      regions_.erase(next);
    } else {
      position = next;
    }
  }
}

// ---- the operations ---------------------------------------------------------------------------------------------

void AddressSpace::change_access(Region& region, Access access) noexcept {
  if (region.object->copies_on_write()) {
    // Which pages may be written shows when they fault again.
    unmap_pages(region);
  } else {
    const auto done = table_.protect(VirtAddr(region.start.value()), region.size,
                                     {access, paging::Privilege::User, paging::Sharing::Local});
    // Leaves never cross the edges of a region, so nothing had to be split.
    ASSERT(done.has_value());
  }
  region.access = access;
  if (access == Access::ReadExecute) machine_.tlb.synchronise_instructions(root_->users());
}

Result<TlbFlush> AddressSpace::protect(UserAddr start, ByteSize size, Access access) {
  TRY(check_range(start, size));
  const uint64_t begin = start.value();
  const uint64_t end = begin + size.bytes();
  const LockGuard guard(lock_);
  TRY(check_coverage(begin, end));
  TRY(cut_out(begin, end, Fate::Kept));
  for (auto it = regions_.find(begin); it != regions_.end() && it->first < end; ++it) {
    change_access(it->second, access);
  }
  join_around(begin, end);
  return flush_of(start, size);
}

Result<TlbFlush> AddressSpace::unmap(UserAddr start, ByteSize size) {
  TRY(check_range(start, size));
  const uint64_t begin = start.value();
  const uint64_t end = begin + size.bytes();
  const LockGuard guard(lock_);
  std::vector<Ref<MemoryObject>> objects;
  try {
    auto behind = first_region_in(begin);
    size_t count = 0;
    for (; behind != regions_.end() && behind->first < end; ++behind) ++count;
    objects.reserve(count);
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
  TRY(cut_out(begin, end, Fate::Removed));
  FrameList taken_out;
  for (auto it = regions_.lower_bound(begin); it != regions_.end() && it->first < end;) {
    Region& region = it->second;
    unmap_pages(region);
    if (region.was_cut && region.owns_pages()) {
      region.object->take_out(region.first_page, region.first_page + region.size.pages_up(),
                              taken_out);
    }
    objects.push_back(std::move(region.object));
    it = regions_.erase(it);
  }
  TlbFlush flush = flush_of(start, size);
  flush.keep(taken_out);
  flush.keep(std::move(objects));
  return flush;
}

Result<TlbFlush> AddressSpace::discard(UserAddr start, ByteSize size) {
  TRY(check_range(start, size));
  const uint64_t begin = start.value();
  const uint64_t end = begin + size.bytes();
  const LockGuard guard(lock_);
  TRY(check_coverage(begin, end));
  const auto first = first_region_in(begin);
  for (auto it = first; it != regions_.end() && it->first < end; ++it) {
    if (!it->second.owns_pages()) return bad_argument();
  }
  TRY(split_leaves(begin, end));
  FrameList taken_out;
  for (auto it = first; it != regions_.end() && it->first < end; ++it) {
    const Region& region = it->second;
    const uint64_t from = std::max(begin, it->first);
    const uint64_t to = std::min(end, region.end());
    const auto done = table_.unmap(VirtAddr(from), ByteSize(to - from));
    ASSERT(done.has_value());
    const uint64_t page = region.first_page + ((from - it->first) >> kPageShift);
    region.object->take_out(page, page + ((to - from) >> kPageShift), taken_out);
  }
  TlbFlush flush = flush_of(start, size);
  flush.keep(taken_out);
  return flush;
}

// Pages of the region all of which can be accessed.
Result<void> AddressSpace::populate_interval(const Region& region, PageInterval pages) noexcept {
  const uint64_t low = region.first_page + pages.begin;
  const uint64_t high = region.first_page + pages.end;
  for (uint64_t page = low; page < high; ++page) {
    const UserAddr at = region.address_of(page - region.first_page);
    if (const auto present = table_.query(VirtAddr(at.value()));
        present && present->attributes.access == region.access) {
      // To the leaf's last page.
      const uint64_t leaf = present->leaf_size.pages_up();
      page += leaf - 1 - (at.value() >> kPageShift) % leaf;
      continue;
    }
    const auto run = region.access == Access::ReadWrite
                         ? region.object->populate(page, low, high)
                         : region.object->materialise(page, low, high);
    if (!run || !map_run(region, *run, page)) return out_of_memory();
  }
  return {};
}

Result<void> AddressSpace::populate(UserAddr start, ByteSize size) {
  TRY(check_range(start, size));
  const uint64_t begin = start.value();
  const uint64_t end = begin + size.bytes();
  const LockGuard guard(lock_);
  TRY(check_coverage(begin, end));
  for (auto it = first_region_in(begin); it != regions_.end() && it->first < end; ++it) {
    const Region& region = it->second;
    const uint64_t from = (std::max(begin, it->first) - it->first) >> kPageShift;
    const uint64_t to = (std::min(end, region.end()) - it->first) >> kPageShift;
    for (const PageInterval interval : region.accessible) {
      const PageInterval pages{std::max(interval.begin, from), std::min(interval.end, to)};
      if (pages.begin < pages.end) TRY(populate_interval(region, pages));
    }
  }
  return {};
}

}  // namespace nacre::mm
