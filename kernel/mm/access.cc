// Page faults, and the kernel's own access to a domain's memory.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "errors.hh"
#include "nacre/kernel/mm/address_space.hh"

namespace nacre::mm {

namespace {

alignas(kPageSize) constinit const std::array<uint8_t, kPageSize> kZeros{};

constexpr bool allows(Access have, FaultAccess want) {
  switch (want) {
    case FaultAccess::Read:
      return true;
    case FaultAccess::Write:
      return have == Access::ReadWrite;
    case FaultAccess::Execute:
      return have == Access::ReadExecute;
  }
  return false;
}

// memcpy, but for single aligned words, which is what most calls between kernel and guest copy.
[[gnu::always_inline]] inline void copy(uint8_t* to, const uint8_t* from, uint64_t size) {
  // SAFETY: the addresses are only computed with.
  const uint64_t bits = reinterpret_cast<uint64_t>(to) | reinterpret_cast<uint64_t>(from);
  if (size == 8 && (bits & 7) == 0) {
    std::memcpy(std::assume_aligned<8>(to), std::assume_aligned<8>(from), 8);
  } else if (size == 4 && (bits & 3) == 0) {
    std::memcpy(std::assume_aligned<4>(to), std::assume_aligned<4>(from), 4);
  } else {
    std::memcpy(to, from, size);
  }
}

}  // namespace

std::span<const uint8_t, kPageSize> zero_page() noexcept {
  return kZeros;
}

// The part of a run around `wanted`, which is not mapped, of which nothing is; at most a large page in either direction.
PageRun AddressSpace::unmapped_part(const Region& region, PageRun run,
                                    uint64_t wanted) const noexcept {
  const auto is_mapped = [&](uint64_t page) REQUIRES(lock_) {
    return table_.query(VirtAddr(region.address_of(page - region.first_page).value())).has_value();
  };
  constexpr uint64_t kReach = AnonymousObject::kLargePages;
  const uint64_t low = wanted - std::min(wanted - run.first, kReach);
  const uint64_t high = std::min(run.first + run.count, wanted + kReach);
  uint64_t first = wanted;
  uint64_t end = wanted + 1;
  while (first > low && !is_mapped(first - 1)) --first;
  while (end < high && !is_mapped(end)) ++end;
  return {first, end - first, run.frame + ByteSize::pages(first - run.first), run.writable};
}

// Maps a run of object pages, of which `wanted` is the one that somebody waits for. False when no frame is left.
bool AddressSpace::map_run(const Region& region, PageRun run, uint64_t wanted) noexcept {
  const bool withheld = !run.writable && region.access == Access::ReadWrite;
  const paging::Attributes attributes{withheld ? Access::Read : region.access,
                                      paging::Privilege::User, paging::Sharing::Local};
  const auto map = [&](PageRun part) REQUIRES(lock_) {
    const UserAddr at = region.address_of(part.first - region.first_page);
    return table_.map(VirtAddr(at.value()), part.frame, ByteSize::pages(part.count), attributes);
  };
  const auto mapped = map(run);
  if (mapped) return true;
  if (mapped.error() == paging::MapError::AlreadyMapped) {
    const UserAddr at = region.address_of(wanted - region.first_page);
    const PhysAddr frame = run.frame + ByteSize::pages(wanted - run.first);
    const auto before = table_.query(VirtAddr(at.value()));
    if (before) {
      // The machine held on to the absence of a translation that is there; or a page of the original's makes room for the
      // copy, and a large page of its has to be split for that.
      const bool stays = before->address == frame && before->attributes == attributes;
      if (!stays && !table_.unmap(VirtAddr(at.value()), ByteSize(kPageSize))) return false;
      machine_.tlb.flush_range(root_->users(), asid(), at, ByteSize(kPageSize));
      if (stays) return true;
    }
    // Other pages of the run were mapped before.
    const PageRun part =
        before ? PageRun{wanted, 1, frame, run.writable} : unmapped_part(region, run, wanted);
    if (map(part)) {
      free_retired_now();
      return true;
    }
  }
  free_retired_now();
  return false;
}

FaultOutcome AddressSpace::fault(UserAddr address, FaultAccess access) noexcept {
  const LockGuard guard(lock_);
  const Region* region = region_of(address);
  if (region == nullptr) return FaultOutcome::NoRegion;
  const uint64_t page = (address.value() - region->start.value()) >> kPageShift;
  const PageInterval* interval = region->interval_of(page);
  if (interval == nullptr) return FaultOutcome::Guard;
  if (!allows(region->access, access)) return FaultOutcome::Permission;
  const uint64_t wanted = region->first_page + page;
  const uint64_t low = region->first_page + interval->begin;
  const uint64_t high = region->first_page + interval->end;
  const auto run = access == FaultAccess::Write
                       ? region->object->materialise_for_writing(wanted, low, high)
                       : region->object->materialise(wanted, low, high);
  if (!run || !map_run(*region, *run, wanted)) return FaultOutcome::OutOfMemory;
  return FaultOutcome::Resolved;
}

const Region* AddressSpace::accessible_region(UserAddr address, uint64_t size,
                                              FaultAccess access) const noexcept {
  const Region* first = nullptr;
  for (uint64_t at = address.value();;) {
    const Region* region = region_of(UserAddr(at));
    if (region == nullptr || !allows(region->access, access)) return nullptr;
    if (first == nullptr) first = region;
    const uint64_t offset = at - region->start.value();
    const PageInterval* interval = region->interval_of(offset >> kPageShift);
    if (interval == nullptr) return nullptr;
    const uint64_t room = (interval->end << kPageShift) - offset;
    if (size <= room) return first;
    // It may go on in a region that lies behind.
    if (offset + room != region->size.bytes()) return nullptr;
    at += room;
    size -= room;
  }
}

const Region& AddressSpace::step(const Region& region, uint64_t& offset) const noexcept {
  if (offset < region.size.bytes()) return region;
  offset = 0;
  return *region_of(UserAddr(region.end()));
}

Result<void> AddressSpace::denied() {
  return fail(ErrorCode::PermissionDenied, "bad guest address");
}

// Where the bytes are, if they lie in one present page of the first committed piece of the region that was used last, and
// may be accessed. Nearly every call is of this kind; for the others nullptr says nothing.
[[gnu::always_inline]] inline uint8_t* AddressSpace::find_present(
    UserAddr address, uint64_t size, FaultAccess access) const noexcept {
  const Region* region = recent_;
  if (region == nullptr || region->anonymous == nullptr) return nullptr;
  const uint64_t offset = address.value() - region->start.value();
  if (offset >= region->size.bytes() || !allows(region->access, access)) return nullptr;
  const uint64_t page = offset >> kPageShift;
  const uint64_t in_page = offset & (kPageSize - 1);
  if (region->accessible.empty() || size > kPageSize - in_page) return nullptr;
  const PageInterval& first = *region->accessible.data();
  if (page < first.begin || page >= first.end) return nullptr;
  uint8_t* bytes = region->anonymous->bytes_of(region->first_page + page);
  return bytes == nullptr ? nullptr : bytes + in_page;
}

Result<void> AddressSpace::read(UserAddr address, std::span<uint8_t> out) const {
  const LockGuard guard(lock_);
  const uint8_t* from = find_present(address, out.size(), FaultAccess::Read);
  if (from == nullptr) [[unlikely]]
    return read_slow(address, out);
  copy(out.data(), from, out.size());
  return {};
}

Result<void> AddressSpace::write(UserAddr address, std::span<const uint8_t> bytes) {
  const LockGuard guard(lock_);
  uint8_t* to = find_present(address, bytes.size(), FaultAccess::Write);
  if (to == nullptr) [[unlikely]]
    return write_slow(address, bytes);
  copy(to, bytes.data(), bytes.size());
  return {};
}

Result<void> AddressSpace::read_slow(UserAddr address, std::span<uint8_t> out) const {
  uint8_t* to = out.data();
  return visit_locked(address, ByteSize(out.size()), [&](std::span<const uint8_t> piece) {
    copy(to, piece.data(), piece.size());
    to += piece.size();
  });
}

uint8_t* AddressSpace::bytes_of(const Region& region, uint64_t page) const noexcept {
  const uint64_t wanted = region.first_page + page;
  if (region.anonymous != nullptr) return region.anonymous->bytes_of(wanted);
  const auto frame = region.object->find(wanted);
  return frame ? machine_.frames.direct_map().pointer<uint8_t>(*frame) : nullptr;
}

uint8_t* AddressSpace::bytes_for_writing(const Region& region, uint64_t page) noexcept {
  if (!region.object->copies_on_write()) {
    if (uint8_t* present = bytes_of(region, page)) return present;
  }
  const uint64_t wanted = region.first_page + page;
  const PageInterval* interval = region.interval_of(page);
  const auto run = region.object->materialise_for_writing(
      wanted, region.first_page + interval->begin, region.first_page + interval->end);
  if (!run) return nullptr;
  // The guest will look at what the kernel wrote, so its fault is saved. If there is no frame for the tables, the
  // guest's own access finds out.
  (void)map_run(region, *run, wanted);
  return machine_.frames.direct_map().pointer<uint8_t>(run->frame +
                                                       ByteSize::pages(wanted - run->first));
}

Result<void> AddressSpace::write_slow(UserAddr address, std::span<const uint8_t> bytes) {
  if (bytes.empty()) return {};
  const Region* region = accessible_region(address, bytes.size(), FaultAccess::Write);
  if (region == nullptr) return denied();
  uint64_t offset = address.value() - region->start.value();
  while (!bytes.empty()) {
    const uint64_t in_page = offset & (kPageSize - 1);
    const uint64_t count = std::min<uint64_t>(bytes.size(), kPageSize - in_page);
    region = &step(*region, offset);
    uint8_t* page = bytes_for_writing(*region, offset >> kPageShift);
    if (page == nullptr) return out_of_memory();
    copy(page + in_page, bytes.data(), count);
    bytes = bytes.subspan(count);
    offset += count;
  }
  return {};
}

Result<void> AddressSpace::zero(UserAddr address, ByteSize size) {
  if (size.bytes() == 0) return {};
  const LockGuard guard(lock_);
  const Region* region = accessible_region(address, size.bytes(), FaultAccess::Write);
  if (region == nullptr) return denied();
  uint64_t offset = address.value() - region->start.value();
  for (uint64_t left = size.bytes(); left != 0;) {
    const uint64_t in_page = offset & (kPageSize - 1);
    const uint64_t count = std::min(left, kPageSize - in_page);
    region = &step(*region, offset);
    // What is not present is zero already.
    if (bytes_of(*region, offset >> kPageShift) != nullptr) {
      uint8_t* page = bytes_for_writing(*region, offset >> kPageShift);
      if (page == nullptr) return out_of_memory();
      std::memset(page + in_page, 0, count);
    }
    offset += count;
    left -= count;
  }
  return {};
}

}  // namespace nacre::mm
