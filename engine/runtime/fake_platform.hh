// A guest address space for tests: sparse bytes, and books of what was reserved, committed and published, so that every
// access outside of them fails and every misuse of the Platform is seen.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "nacre/base/core/panic.hh"
#include "nacre/engine/runtime/platform.hh"

namespace nacre::runtime {

class FakePlatform final : public Platform {
 public:
  static constexpr uint64_t kBuiltinTable = 0x7000'0000;
  static constexpr uint64_t kGate = 0x7000'1000;
  static constexpr uint64_t kThreadExit = 0x7000'2000;

  // How many bytes may be committed altogether.
  uint64_t commit_limit = uint64_t{1} << 32;
  uint64_t committed = 0;
  size_t live_ranges() const { return ranges_.size(); }

  Result<UserAddr> reserve(ByteSize size) override {
    ASSERT(size.is_page_aligned());
    ASSERT(size.bytes() != 0);
    const uint64_t address = next_;
    next_ += size.bytes() + kPageSize;  // never adjacent
    ranges_.emplace(address, Range{size.bytes(), {}, Access::ReadWrite});
    return UserAddr(address);
  }

  Result<void> commit(UserAddr address, ByteSize size) override {
    ASSERT(address.is_aligned(kPageSize));
    ASSERT(size.is_page_aligned());
    const auto it = range_of(address.value(), size.bytes());
    ASSERT(it != ranges_.end());
    if (size.bytes() > commit_limit - committed)
      return fail(ErrorCode::OutOfMemory, "commit limit");
    for (uint64_t page = 0; page < size.bytes(); page += kPageSize) {
      ASSERT(!it->second.pages.contains(address.value() + page));  // never twice
      it->second.pages.emplace(address.value() + page, std::vector<uint8_t>());
    }
    committed += size.bytes();
    return {};
  }

  void release(UserAddr address, ByteSize size) override {
    const auto it = ranges_.find(address.value());
    ASSERT(it != ranges_.end());
    ASSERT(it->second.size == size.bytes());
    ranges_.erase(it);
  }

  Result<UserAddr> publish(std::span<const uint8_t> bytes, Access access) override {
    ASSERT(access != Access::ReadWrite);
    const ByteSize size = ByteSize::pages(ByteSize(bytes.size()).pages_up());
    TRY_ASSIGN(const UserAddr address, reserve(size));
    if (Result<void> committed_all = commit(address, size); !committed_all) {
      release(address, size);
      return std::unexpected(std::move(committed_all).error());
    }
    TRY(write(address, bytes));
    ranges_.at(address.value()).access = access;
    return address;
  }

  Result<void> read(UserAddr address, std::span<uint8_t> out) const override {
    for (size_t i = 0; i < out.size(); ++i) {
      const std::vector<uint8_t>* page = page_of(address.value() + i);
      if (page == nullptr) return fail(ErrorCode::InvalidArgument, "unmapped");
      out[i] = page->empty() ? 0 : (*page)[(address.value() + i) % kPageSize];
    }
    return {};
  }

  Result<void> write(UserAddr address, std::span<const uint8_t> bytes) override {
    for (size_t i = 0; i < bytes.size(); ++i) {
      const uint64_t at = address.value() + i;
      auto* page = const_cast<std::vector<uint8_t>*>(page_of(at));
      if (page == nullptr) return fail(ErrorCode::InvalidArgument, "unmapped");
      if (range_of(at, 1)->second.access != Access::ReadWrite)
        return fail(ErrorCode::InvalidArgument, "read-only");
      if (page->empty()) page->resize(kPageSize);
      (*page)[at % kPageSize] = bytes[i];
    }
    return {};
  }

  UserAddr builtin_table() const override { return UserAddr(kBuiltinTable); }
  UserAddr host_call_gate() const override { return UserAddr(kGate); }
  UserAddr thread_exit() const override { return UserAddr(kThreadExit); }

 private:
  struct Range {
    uint64_t size;
    std::map<uint64_t, std::vector<uint8_t>> pages;  // committed; empty reads as zero
    Access access;
  };
  using Ranges = std::map<uint64_t, Range>;

  Ranges::iterator range_of(uint64_t address, uint64_t size) {
    auto it = ranges_.upper_bound(address);
    if (it == ranges_.begin()) return ranges_.end();
    --it;
    const uint64_t offset = address - it->first;
    return offset <= it->second.size && size <= it->second.size - offset ? it : ranges_.end();
  }

  const std::vector<uint8_t>* page_of(uint64_t address) const {
    auto it = ranges_.upper_bound(address);
    if (it == ranges_.begin()) return nullptr;
    --it;
    const auto page = it->second.pages.find(address & ~(kPageSize - 1));
    return page == it->second.pages.end() ? nullptr : &page->second;
  }

  Ranges ranges_;
  uint64_t next_ = 0x10'0000;
};

}  // namespace nacre::runtime
