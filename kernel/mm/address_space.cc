// Life of a space and its regions. Faults and the kernel's access are in access.cc, where regions go in placement.cc.
#include "nacre/kernel/mm/address_space.hh"

#include <algorithm>
#include <new>

#include "errors.hh"
#include "nacre/base/core/panic.hh"

namespace nacre::mm {

namespace {

// What the kernel's books for a region cost, charged flat.
constexpr ByteSize kRegionCost(256);

}  // namespace

// ---- tables -----------------------------------------------------------------------------------------------------

std::optional<PhysAddr> AddressSpace::TableFrames::allocate_table() noexcept {
  const auto frame = frames_.allocate(0, Zeroing::Zeroed);
  if (frame) frames_.info(*frame).owner = 0;
  return frame;
}

void AddressSpace::TableFrames::free_table(PhysAddr frame) noexcept {
  frames_.info(frame).next = retired_;
  retired_ = frames_.index_of(frame);
}

// After a mapping that undid itself: its tables were reachable for a moment.
void AddressSpace::free_retired_now() noexcept {
  const uint32_t retired = tables_.take_retired();
  if (retired == FrameInfo::kNone) return;
  machine_.tlb.flush_space(root_->users(), asid());
  free_table_list(machine_.frames, retired);
}

// ---- life -------------------------------------------------------------------------------------------------------

SpaceRoot::~SpaceRoot() {
  machine_.frames.free(table_);
  machine_.asids.free(asid_);
}

uint64_t SpaceRoot::satp() const noexcept {
  return paging::make_satp(machine_.mode, asid_, table_);
}

AddressSpace::AddressSpace(Machine& machine, Ref<Budget> budget, Charge charge,
                           Ref<SpaceRoot> root) noexcept
    : machine_(machine),
      budget_(std::move(budget)),
      base_charge_(std::move(charge)),
      root_(std::move(root)),
      tables_(machine.frames),
      table_(tables_, machine.mode, root_->table()) {
  // Of the root only the entries of the lower half are counted.
  machine.frames.info(root_->table()).owner = 0;
  table_.share_upper_half(
      paging::PageTable<TableFrames>(tables_, machine.mode, machine.kernel_root));
}

Result<std::unique_ptr<AddressSpace>> AddressSpace::create(Machine& machine, Ref<Budget> budget) {
  Charge charge(budget);
  if (!charge.try_grow(ByteSize(kPageSize))) return over_budget();
  const uint16_t asid = machine.asids.allocate();
  const auto table = machine.frames.allocate(0, Zeroing::Zeroed);
  Ref<SpaceRoot> root =
      table ? Ref<SpaceRoot>::adopt(new (std::nothrow) SpaceRoot(machine, *table, asid)) : nullptr;
  if (!root) {
    if (table) machine.frames.free(*table);
    machine.asids.free(asid);
    return out_of_memory();
  }
  auto* space = new (std::nothrow)
      AddressSpace(machine, std::move(budget), std::move(charge), std::move(root));
  if (space == nullptr) return out_of_memory();
  return std::unique_ptr<AddressSpace>(space);
}

AddressSpace::~AddressSpace() {
  // Region by region, so that the way is known and no table is searched for entries.
  for (auto& [start, region] : regions_) unmap_pages(region);
  machine_.tlb.flush_space(root_->users(), asid());
  free_table_list(machine_.frames, tables_.take_retired());
}

// ---- the map of regions -----------------------------------------------------------------------------------------

const Region* AddressSpace::region_of(UserAddr address) const noexcept {
  const auto holds = [&](const Region& region) {
    return address.value() - region.start.value() < region.size.bytes();
  };
  if (recent_ != nullptr && holds(*recent_)) return recent_;
  auto next = regions_.upper_bound(address.value());
  if (next == regions_.begin()) return nullptr;
  const Region& region = std::prev(next)->second;
  if (!holds(region)) return nullptr;
  recent_ = &region;
  return &region;
}

// Budget that a region needs if `accessible` is what can be accessed of it: its pages if they are its own, the
// object's tables, and as many page tables as the pages can need at most.
ByteSize AddressSpace::cost_of(const Region& region,
                               std::span<const PageInterval> accessible) const noexcept {
  ByteSize cost = kRegionCost;
  for (const PageInterval interval : accessible) {
    if (region.kind != Kind::Shared) {
      cost = cost + ByteSize::pages(interval.count());
    }
    const uint64_t first = region.start.value() + (interval.begin << kPageShift);
    const uint64_t last = region.start.value() + (interval.end << kPageShift) - 1;
    for (unsigned level = 1; level < paging::levels_of(machine_.mode); ++level) {
      const uint64_t span = paging::span_of_level(level);
      cost = cost + ByteSize::pages(last / span - first / span + 1);
    }
  }
  if (region.kind == Kind::Shared) return cost;
  // Tables of the object: ascending, one may serve several intervals.
  uint64_t counted = 0;
  for (const PageInterval interval : accessible) {
    const uint64_t first = AnonymousObject::table_of(region.first_page + interval.begin);
    const uint64_t behind = AnonymousObject::table_of(region.first_page + interval.end - 1) + 1;
    cost = cost + ByteSize::pages(behind - std::min(std::max(first, counted), behind));
    counted = behind;
  }
  return cost;
}

Result<void> AddressSpace::insert(Region region) {
  region.charge = Charge(budget_);
  if (!region.charge.try_grow(cost_of(region, region.accessible))) return over_budget();
  try {
    const bool inserted = regions_.try_emplace(region.start.value(), std::move(region)).second;
    ASSERT(inserted);
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
  return {};
}

Result<UserAddr> AddressSpace::reserve(ByteSize size) {
  if (size.bytes() == 0 || size.bytes() > paging::lower_half_end(machine_.mode))
    return bad_argument();
  auto* object = new (std::nothrow) AnonymousObject(machine_.frames);
  if (object == nullptr) return out_of_memory();
  Region region;
  region.object = Ref<AnonymousObject>::adopt(object);
  region.anonymous = object;
  region.kind = Kind::Reservation;
  region.size = ByteSize::pages(size.pages_up());
  const LockGuard guard(lock_);
  TRY_ASSIGN(region.start, place(region.size));
  const UserAddr start = region.start;
  TRY(insert(std::move(region)));
  return start;
}

Result<void> AddressSpace::commit(UserAddr address, ByteSize size) {
  if (size.bytes() == 0) return {};
  const LockGuard guard(lock_);
  const Region* found = region_of(address);
  if (found == nullptr || found->kind != Kind::Reservation) return bad_argument();
  const uint64_t offset = (address - found->start).bytes();
  if (size > found->size - ByteSize(offset)) return bad_argument();
  Region& region = regions_.find(found->start.value())->second;
  return commit_pages(region, {offset >> kPageShift, ByteSize(offset + size.bytes()).pages_up()});
}

// The union of the region's intervals and `added`, once it is paid for.
Result<void> AddressSpace::commit_pages(Region& region, PageInterval added) {
  std::vector<PageInterval> merged;
  try {
    merged.reserve(region.accessible.size() + 1);
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
  bool placed = false;
  for (const PageInterval interval : region.accessible) {
    if (interval.end < added.begin) {
      merged.push_back(interval);
    } else if (added.end < interval.begin) {
      if (!placed) merged.push_back(added);
      placed = true;
      merged.push_back(interval);
    } else {
      added.begin = std::min(added.begin, interval.begin);
      added.end = std::max(added.end, interval.end);
    }
  }
  if (!placed) merged.push_back(added);

  // Joining intervals can make the bound on the tables smaller; what was charged stays charged until the region goes.
  const ByteSize cost = cost_of(region, merged);
  const ByteSize more = cost > region.charge.size() ? cost - region.charge.size() : ByteSize();
  if (!region.charge.try_grow(more)) return over_budget();
  if (auto grown = region.anonymous->grow(region.first_page + merged.back().end); !grown) {
    region.charge.shrink(more);
    return grown;
  }
  region.accessible = std::move(merged);
  return {};
}

// ---- mappings ---------------------------------------------------------------------------------------------------

Result<void> AddressSpace::check_placement(UserAddr address, ByteSize size) const {
  if (!address.is_aligned(kPageSize)) return bad_argument();
  if (!is_free(address.value(), size.bytes())) {
    return fail(ErrorCode::AlreadyExists, "address range in use");
  }
  return {};
}

Result<void> AddressSpace::map_at(UserAddr address, Ref<MemoryObject> object, uint64_t first_page,
                                  ByteSize size, Access access) {
  const LockGuard guard(lock_);
  TRY(check_placement(address, ByteSize::pages(size.pages_up())));
  return add_mapping(address, std::move(object), first_page, size.pages_up(), access);
}

Result<UserAddr> AddressSpace::map(Ref<MemoryObject> object, uint64_t first_page, ByteSize size,
                                   Access access) {
  const uint64_t pages = size.pages_up();
  if (pages == 0 || first_page > object->pages() || pages > object->pages() - first_page) {
    return bad_argument();
  }
  const LockGuard guard(lock_);
  TRY_ASSIGN(const UserAddr start, place(ByteSize::pages(pages), object->alignment(first_page)));
  TRY(add_mapping(start, std::move(object), first_page, pages, access));
  return start;
}

// At a place that is known to be free.
Result<void> AddressSpace::add_mapping(UserAddr start, Ref<MemoryObject> object,
                                       uint64_t first_page, uint64_t pages, Access access,
                                       Kind kind) {
  if (pages == 0 || first_page > object->pages() || pages > object->pages() - first_page) {
    return bad_argument();
  }
  Region region;
  region.start = start;
  region.size = ByteSize::pages(pages);
  region.kind = kind;
  region.object = std::move(object);
  region.access = access;
  region.first_page = first_page;
  try {
    region.accessible.push_back({0, pages});
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
  return insert(std::move(region));
}

Result<UserAddr> AddressSpace::map_clone(Ref<MemoryObject> original, Access access) {
  const uint64_t pages = original->pages();
  if (pages == 0) return bad_argument();
  TRY_ASSIGN(auto clone, CloneObject::create(machine_.frames, std::move(original)));
  const LockGuard guard(lock_);
  TRY_ASSIGN(const UserAddr start, place(ByteSize::pages(pages)));
  TRY(add_mapping(start, std::move(clone), 0, pages, access, Kind::Private));
  return start;
}

Result<UserAddr> AddressSpace::publish(std::span<const uint8_t> bytes, Access access) {
  if (bytes.empty()) return bad_argument();
  auto* object = new (std::nothrow) AnonymousObject(machine_.frames);
  if (object == nullptr) return out_of_memory();
  Region region;
  region.object = Ref<AnonymousObject>::adopt(object);
  region.anonymous = object;
  region.kind = Kind::Private;
  region.access = access;
  region.size = ByteSize::pages(ByteSize(bytes.size()).pages_up());
  const LockGuard guard(lock_);
  TRY_ASSIGN(region.start, place(region.size));
  const UserAddr start = region.start;
  try {
    region.accessible.push_back({0, region.size.pages_up()});
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
  // Paid for before the frames are taken.
  TRY(insert(std::move(region)));
  const auto placed = regions_.find(start.value());
  auto filled = object->fill(bytes);
  if (filled && !map_all(placed->second)) filled = out_of_memory();
  if (!filled) {
    remove(placed).discharge();
    return std::unexpected(std::move(filled).error());
  }
  if (access == Access::ReadExecute) machine_.tlb.synchronise_instructions(root_->users());
  return start;
}

// Maps every page of a private region, whose object has them all.
bool AddressSpace::map_all(const Region& region) noexcept {
  const uint64_t pages = region.size.pages_up();
  for (uint64_t page = 0; page < pages;) {
    const auto run = region.object->materialise(page, page, pages);
    if (!run || !map_run(region, *run, page)) return false;
    page += run->count;
  }
  return true;
}

Result<TlbFlush> AddressSpace::protect(UserAddr start, Access access) {
  const LockGuard guard(lock_);
  const auto found = regions_.find(start.value());
  if (found == regions_.end()) return not_found();
  Region& region = found->second;
  if (region.kind == Kind::Reservation) return bad_argument();
  change_access(region, access);
  return flush_of(region.start, region.size);
}

TlbFlush AddressSpace::flush_of(UserAddr start, ByteSize size) noexcept {
  return TlbFlush(machine_.tlb, machine_.frames, root_->users(), asid(), start, size,
                  tables_.take_retired(), nullptr);
}

void AddressSpace::unmap_pages(const Region& region) noexcept {
  for (const PageInterval interval : region.accessible) {
    const auto done = table_.unmap(VirtAddr(region.start.value() + (interval.begin << kPageShift)),
                                   ByteSize::pages(interval.count()));
    // Leaves never cross the edges of a region, so nothing had to be split.
    ASSERT(done.has_value());
  }
}

TlbFlush AddressSpace::remove(Regions::iterator position) {
  Region& region = position->second;
  unmap_pages(region);
  FrameList taken_out;
  if (region.was_cut && region.owns_pages()) {
    region.object->take_out(region.first_page, region.first_page + region.size.pages_up(),
                            taken_out);
  }
  TlbFlush flush(machine_.tlb, machine_.frames, root_->users(), asid(), region.start, region.size,
                 tables_.take_retired(), std::move(region.object));
  flush.keep(taken_out);
  recent_ = nullptr;
  regions_.erase(position);
  return flush;
}

Result<TlbFlush> AddressSpace::unmap(UserAddr start) {
  const LockGuard guard(lock_);
  const auto found = regions_.find(start.value());
  if (found == regions_.end()) return not_found();
  return remove(found);
}

void AddressSpace::release(UserAddr start) {
  auto flush = unmap(start);
  ASSERT(flush.has_value());
  std::move(*flush).discharge();
}

// ---- looking on -------------------------------------------------------------------------------------------------

std::optional<AddressSpace::RegionInfo> AddressSpace::region_at(UserAddr address) const {
  const LockGuard guard(lock_);
  const Region* region = region_of(address);
  return region == nullptr ? std::nullopt : std::optional(describe(*region));
}

std::vector<AddressSpace::RegionInfo> AddressSpace::list_regions() const {
  std::vector<RegionInfo> infos;
  const LockGuard guard(lock_);
  for (const auto& [start, region] : regions_) infos.push_back(describe(region));
  return infos;
}

AddressSpace::RegionInfo AddressSpace::describe(const Region& region) {
  RegionInfo info{region.start, region.size, region.kind == Kind::Reservation, region.access,
                  ByteSize()};
  for (const PageInterval interval : region.accessible) {
    info.committed = info.committed + ByteSize::pages(interval.count());
  }
  return info;
}

std::optional<paging::Translation> AddressSpace::translation(UserAddr address) const noexcept {
  const LockGuard guard(lock_);
  return table_.query(VirtAddr(address.value()));
}

}  // namespace nacre::mm
