// The simplest reference for operations on ranges of an address space: a map from each page to what is known of it.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "fake_machine.hh"
#include "nacre/kernel/mm/address_space.hh"

namespace nacre::mm {

struct ModelPage {
  enum class Owner : uint8_t { Space, Clone, Shared };
  Owner owner = Owner::Space;
  Access access = Access::ReadWrite;
  bool accessible = true;
  // The page's first and last word, and what they are after a discard.
  std::array<uint64_t, 2> words{};
  std::array<uint64_t, 2> initial{};
};

class RangesReference {
 public:
  RangesReference(FakeMachine& fake, AddressSpace& space) : fake_(fake), space_(space) {}

  void check_everything() {
    for (const auto& [address, page] : pages_) ASSERT_NO_FATAL_FAILURE(check_page(address, page));
    for (const uint64_t address : removed_) {
      if (pages_.contains(address)) continue;
      ASSERT_FALSE(space_.translation(UserAddr(address)).has_value());
      ASSERT_EQ(space_.fault(UserAddr(address), FaultAccess::Read), FaultOutcome::NoRegion);
    }
  }
  // Pieces that could be one are one, if nothing failed.
  [[nodiscard]] size_t most_regions() const {
    size_t count = 0;
    const std::pair<const uint64_t, ModelPage>* before = nullptr;
    for (const auto& page : pages_) {
      if (before == nullptr || page.first != before->first + kPageSize ||
          page.second.access != before->second.access) {
        ++count;
      }
      before = &page;
    }
    return count;
  }

 protected:
  using Owner = ModelPage::Owner;
  struct Range {
    uint64_t begin;
    uint64_t end;
    [[nodiscard]] UserAddr start() const { return UserAddr(begin); }
    [[nodiscard]] ByteSize size() const { return ByteSize(end - begin); }
  };

  void check_page(uint64_t address, const ModelPage& page) {
    const auto region = space_.region_at(UserAddr(address));
    ASSERT_TRUE(region.has_value());
    ASSERT_EQ(region->access, page.access);
    const auto translation = space_.translation(UserAddr(address));
    std::array<uint64_t, 2> got{};
    const auto first = space_.read(UserAddr(address), bytes_of(got[0]));
    ASSERT_EQ(first.has_value(), page.accessible);
    if (!page.accessible) {
      ASSERT_FALSE(translation.has_value());
      return;
    }
    ASSERT_TRUE(space_.read(UserAddr(address + kPageSize - 8), bytes_of(got[1])));
    ASSERT_EQ(got, page.words);
    if (!translation) return;
    // The guest sees the same, and may do no more than is right.
    const auto* bytes = fake_.memory.map().pointer<const uint8_t>(translation->address);
    std::memcpy(&got[0], bytes, 8);
    std::memcpy(&got[1], bytes + kPageSize - 8, 8);
    ASSERT_EQ(got, page.words);
    const bool is_withheld = page.owner == Owner::Clone && page.access == Access::ReadWrite;
    if (!(is_withheld && translation->attributes.access == Access::Read)) {
      ASSERT_EQ(translation->attributes.access, page.access);
    }
  }
  static std::span<uint8_t> bytes_of(uint64_t& word) {
    return {reinterpret_cast<uint8_t*>(&word), sizeof word};
  }

  void add(UserAddr start, uint64_t pages, const ModelPage& page) {
    for (uint64_t i = 0; i < pages; ++i) pages_[(start + ByteSize::pages(i)).value()] = page;
  }

  bool all_of(const Range& range, const std::function<bool(const ModelPage&)>& what) {
    for (uint64_t at = range.begin; at < range.end; at += kPageSize) {
      const auto page = pages_.find(at);
      if (page == pages_.end() || !what(page->second)) return false;
    }
    return true;
  }
  bool covered(const Range& range) {
    return all_of(range, [](const ModelPage&) { return true; });
  }
  void each(const Range& range, const std::function<void(uint64_t, ModelPage&)>& change) {
    auto it = pages_.lower_bound(range.begin);
    while (it != pages_.end() && it->first < range.end) {
      const auto next = std::next(it);
      change(it->first, it->second);
      it = next;
    }
  }
  void forget(uint64_t at) {
    pages_.erase(at);
    if (removed_.size() < 64) removed_.push_back(at);
    removed_[at / kPageSize % removed_.size()] = at;
  }

  FakeMachine& fake_;
  AddressSpace& space_;
  std::map<uint64_t, ModelPage> pages_;  // by address: every page of every region
  std::vector<uint64_t> removed_;        // some that were unmapped
};

}  // namespace nacre::mm
