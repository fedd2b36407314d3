// Random use of the operations on ranges, against the reference of ranges_reference.hh. For tests that let everything succeed,
// and for those that make allocations fail.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "ranges_reference.hh"

namespace nacre::mm {

class RangesDriver final : public RangesReference {
 public:
  // Runs one call of the space; returns what it returned. A test may make it fail first, any number of times; `check` must hold
  // after each failure.
  using Attempt = std::function<Result<void>(const std::function<Result<void>()>& call,
                                             const std::function<void()>& check)>;

  RangesDriver(FakeMachine& fake, AddressSpace& space, uint32_t seed, Attempt attempt)
      : RangesReference(fake, space), rng_(seed), attempt_(std::move(attempt)) {}

  void step() {
    switch (pages_.size() < 40 ? below(4) : below(16)) {
      case 0:
        return reserve(1 + below(40));
      case 1:
        // Room for a large page or two, and its edges.
        return below(6) == 0 ? reserve(500 + below(1000)) : publish();
      case 2:
        return clone();
      case 3:
        return share();
      case 4:
      case 5:
      case 6:
        return protect();
      case 7:
        return unmap();
      case 8:
      case 9:
        return discard();
      case 10:
        return populate();
      case 11:
        return release();
      case 12:
        return fault();
      case 13:
        return commit();
      default:
        return write();
    }
  }

 private:
  uint64_t below(uint64_t bound) { return rng_() % bound; }
  uint64_t word() { return uint64_t{rng_()} << 32 | rng_(); }

  bool done(const std::function<Result<void>()>& call) {
    const auto result = attempt_(call, [&] { check_everything(); });
    if (result) return true;
    EXPECT_TRUE(result.error().code() == ErrorCode::LimitExceeded ||
                result.error().code() == ErrorCode::OutOfMemory)
        << result.error().to_string();
    check_everything();
    return false;
  }
  void reserve(uint64_t pages) {
    UserAddr start;
    if (!done([&]() -> Result<void> {
          TRY_ASSIGN(start, space_.reserve(ByteSize::pages(pages)));
          return {};
        })) {
      return;
    }
    add(start, pages, {.accessible = false});
    // Two pieces, perhaps with a gap.
    for (int i = 0; i < 2; ++i) {
      const uint64_t first = below(pages);
      const uint64_t count = i == 0 && below(2) == 0 ? pages - first : 1 + below(pages - first);
      const UserAddr at = start + ByteSize::pages(first);
      if (!done([&] { return space_.commit(at, ByteSize::pages(count)); })) continue;
      for (uint64_t page = 0; page < count; ++page) {
        pages_[(at + ByteSize::pages(page)).value()].accessible = true;
      }
    }
  }
  std::vector<uint8_t> make_bytes(uint64_t pages) {
    std::vector<uint8_t> bytes(pages * kPageSize);
    for (uint64_t page = 0; page < pages; ++page) {
      const std::array<uint64_t, 2> words{word(), word()};
      std::memcpy(&bytes[page * kPageSize], &words[0], 8);
      std::memcpy(&bytes[(page + 1) * kPageSize - 8], &words[1], 8);
    }
    return bytes;
  }
  // With the words of the bytes in its pages.
  void add_bytes(UserAddr start, const std::vector<uint8_t>& bytes, ModelPage page) {
    for (uint64_t i = 0; i < bytes.size() / kPageSize; ++i) {
      std::memcpy(&page.words[0], &bytes[i * kPageSize], 8);
      std::memcpy(&page.words[1], &bytes[(i + 1) * kPageSize - 8], 8);
      if (page.owner == Owner::Clone) page.initial = page.words;
      pages_[(start + ByteSize::pages(i)).value()] = page;
    }
  }
  void publish() {
    const auto bytes = make_bytes(1 + below(40));
    const auto access = static_cast<Access>(below(3));
    UserAddr start;
    if (done([&]() -> Result<void> {
          TRY_ASSIGN(start, space_.publish(bytes, access));
          return {};
        })) {
      add_bytes(start, bytes, {.access = access});
    }
  }
  Ref<AnonymousObject> make_object(const std::vector<uint8_t>& bytes) {
    auto object = make_ref<AnonymousObject>(fake_.memory.frames);
    EXPECT_TRUE(object->fill(bytes));
    return object;
  }
  void clone() {
    const auto bytes = make_bytes(1 + below(40));
    const auto original = make_object(bytes);
    UserAddr start;
    if (done([&]() -> Result<void> {
          TRY_ASSIGN(start, space_.map_clone(original, Access::ReadWrite));
          return {};
        })) {
      add_bytes(start, bytes, {.owner = Owner::Clone});
    }
  }
  void share() {
    const auto bytes = make_bytes(1 + below(40));
    const auto object = make_object(bytes);
    UserAddr start;
    if (done([&]() -> Result<void> {
          TRY_ASSIGN(start, space_.map(object, 0, ByteSize(bytes.size()), Access::ReadWrite));
          return {};
        })) {
      add_bytes(start, bytes, {.owner = Owner::Shared});
    }
  }

  std::map<uint64_t, ModelPage>::iterator any_page() {
    // Not uniform, but any of them.
    const uint64_t first = pages_.begin()->first;
    const uint64_t last = pages_.rbegin()->first;
    const auto found = pages_.lower_bound(first + word() % (last - first + 1));
    auto it = below(2) == 0 ? found : pages_.begin();
    std::advance(it, it == found ? 0 : below(pages_.size()));
    return it == pages_.end() ? pages_.begin() : it;
  }
  Range any_range() {
    const uint64_t begin = any_page()->first;
    uint64_t end = begin + kPageSize * (1 + below(below(5) == 0 ? 700 : 30));
    // Mostly up to where a hole begins.
    if (below(5) != 0) {
      for (uint64_t at = begin; at < end; at += kPageSize) {
        if (!pages_.contains(at)) end = at;
      }
    }
    return {begin, end};
  }
  // A call that gives a flush; whether it succeeded. `wrong`: it must fail with that.
  bool flushed(const std::function<Result<TlbFlush>()>& call, std::optional<ErrorCode> wrong) {
    const auto discharged = [&]() -> Result<void> {
      auto flush = call();
      if (!flush) return std::unexpected(std::move(flush).error());
      std::move(*flush).discharge();
      return {};
    };
    if (!wrong) return done(discharged);
    const auto result = discharged();
    EXPECT_FALSE(result.has_value());
    if (!result) EXPECT_EQ(result.error().code(), *wrong);
    return false;
  }

  void protect() {
    const Range range = any_range();
    const auto access = static_cast<Access>(below(3));
    const auto wrong = covered(range) ? std::nullopt : std::optional(ErrorCode::NotFound);
    if (flushed([&] { return space_.protect(range.start(), range.size(), access); }, wrong)) {
      each(range, [&](uint64_t, ModelPage& page) { page.access = access; });
    }
  }
  void unmap() {
    Range range = any_range();
    if (below(4) != 0) range.end = std::min(range.end, range.begin + 8 * kPageSize);
    if (flushed([&] { return space_.unmap(range.start(), range.size()); }, std::nullopt)) {
      each(range, [&](uint64_t at, ModelPage&) { forget(at); });
    }
  }
  void discard() {
    const Range range = any_range();
    std::optional<ErrorCode> wrong;
    if (!covered(range)) {
      wrong = ErrorCode::NotFound;
    } else if (!all_of(range, [](const ModelPage& p) { return p.owner != Owner::Shared; })) {
      wrong = ErrorCode::InvalidArgument;
    }
    const uint64_t used = fake_.memory.used();
    if (flushed([&] { return space_.discard(range.start(), range.size()); }, wrong)) {
      EXPECT_LE(fake_.memory.used(), used + 3) << "but for tables of leaves that were split";
      each(range, [](uint64_t, ModelPage& page) { page.words = page.initial; });
    }
  }
  void populate() {
    const Range range = any_range();
    if (!covered(range)) {
      EXPECT_EQ(space_.populate(range.start(), range.size()).error().code(), ErrorCode::NotFound);
      return;
    }
    if (!done([&] { return space_.populate(range.start(), range.size()); })) return;
    each(range, [&](uint64_t at, const ModelPage& page) {
      const auto translation = space_.translation(UserAddr(at));
      ASSERT_EQ(translation.has_value(), page.accessible);
      if (page.accessible) ASSERT_EQ(translation->attributes.access, page.access);
    });
  }
  // More of a reservation, or of a piece of one.
  void commit() {
    const UserAddr at(any_page()->first);
    const auto region = space_.region_at(at);
    ASSERT_TRUE(region.has_value());
    const uint64_t room = (region->start + region->size - at).pages_up();
    const uint64_t count = 1 + below(std::min<uint64_t>(room, 30));
    if (!region->reservation) {
      EXPECT_EQ(space_.commit(at, ByteSize::pages(count)).error().code(),
                ErrorCode::InvalidArgument);
      return;
    }
    if (!done([&] { return space_.commit(at, ByteSize::pages(count)); })) return;
    each({at.value(), at.value() + count * kPageSize},
         [](uint64_t, ModelPage& page) { page.accessible = true; });
  }
  // The whole region of a page.
  void release() {
    const auto region = space_.region_at(UserAddr(any_page()->first));
    ASSERT_TRUE(region.has_value());
    space_.release(region->start);
    const Range range{region->start.value(), (region->start + region->size).value()};
    each(range, [&](uint64_t at, ModelPage&) { forget(at); });
  }
  void fault() {
    const auto& [address, page] = *any_page();
    const auto access = static_cast<FaultAccess>(below(3));
    const FaultOutcome outcome = space_.fault(UserAddr(address), access);
    if (!page.accessible) {
      ASSERT_EQ(outcome, FaultOutcome::Guard);
    } else if ((access == FaultAccess::Write && page.access != Access::ReadWrite) ||
               (access == FaultAccess::Execute && page.access != Access::ReadExecute)) {
      ASSERT_EQ(outcome, FaultOutcome::Permission);
    } else if (outcome == FaultOutcome::Resolved) {
      ASSERT_TRUE(space_.translation(UserAddr(address)).has_value());
    } else {
      ASSERT_EQ(outcome, FaultOutcome::OutOfMemory);
    }
  }
  // The last word of a page and the first of the next, if there is one: regions may meet there.
  void write() {
    const auto first = any_page();
    const auto second = pages_.find(first->first + kPageSize);
    const bool both = second != pages_.end();
    std::array<uint64_t, 2> words{word(), word()};
    const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(words.data()),
                                         both ? 16 : 8);
    const auto may = [](const ModelPage& page) {
      return page.accessible && page.access == Access::ReadWrite;
    };
    const UserAddr at(first->first + kPageSize - 8);
    const auto result = space_.write(at, bytes);
    if (!may(first->second) || (both && !may(second->second))) {
      ASSERT_EQ(result.error().code(), ErrorCode::PermissionDenied);
      return;
    }
    if (!result) {
      // A first part may have been written.
      ASSERT_EQ(result.error().code(), ErrorCode::OutOfMemory);
      ASSERT_TRUE(space_.read(at, bytes_of(words[0])));
      if (both) ASSERT_TRUE(space_.read(at + ByteSize(8), bytes_of(words[1])));
    }
    first->second.words[1] = words[0];
    if (both) second->second.words[0] = words[1];
  }

  std::mt19937 rng_;
  Attempt attempt_;
};

}  // namespace nacre::mm
