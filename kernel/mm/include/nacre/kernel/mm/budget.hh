// What a domain may make the kernel allocate, in bytes. Every page that a domain commits, and the
// tables for it, is charged before it is promised; running out is an error of the domain, never a
// panic.
#pragma once

#include <atomic>
#include <cstdint>

#include "nacre/base/core/address.hh"
#include "nacre/base/core/ref.hh"

namespace nacre::mm {

class Budget final : public RefCounted {
 public:
  explicit Budget(ByteSize limit) noexcept : limit_(limit.bytes()) {}
  ~Budget() { ASSERT(used_.load(std::memory_order_relaxed) == 0); }

  // False, and nothing changed, if it would exceed the limit.
  [[nodiscard]] bool try_charge(ByteSize size) noexcept;
  void release(ByteSize size) noexcept;

  [[nodiscard]] ByteSize limit() const noexcept { return ByteSize(limit_); }
  [[nodiscard]] ByteSize used() const noexcept {
    return ByteSize(used_.load(std::memory_order_relaxed));
  }

 private:
  const uint64_t limit_;
  // 0 … limit_. Only a number: nothing is published with it.
  std::atomic<uint64_t> used_{0};
};

// A part of a budget, given back on destruction.
class Charge {
 public:
  Charge() = default;
  explicit Charge(Ref<Budget> budget) noexcept : budget_(std::move(budget)) {}
  Charge(Charge&& other) noexcept
      : budget_(std::move(other.budget_)), size_(std::exchange(other.size_, ByteSize())) {}
  Charge& operator=(Charge&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Charge() {
    if (budget_) budget_->release(size_);
  }

  // Adds to the charge; without a budget everything is free.
  [[nodiscard]] bool try_grow(ByteSize more) noexcept {
    if (budget_ && !budget_->try_charge(more)) return false;
    size_ = size_ + more;
    return true;
  }
  void shrink(ByteSize less) noexcept {
    size_ = size_ - less;
    if (budget_) budget_->release(less);
  }
  // Takes over a charge to the same budget.
  void absorb(Charge other) noexcept { size_ = size_ + std::exchange(other.size_, ByteSize()); }
  // Hands a part over.
  [[nodiscard]] Charge take(ByteSize part) noexcept {
    Charge taken(budget_);
    size_ = size_ - part;
    taken.size_ = part;
    return taken;
  }
  [[nodiscard]] ByteSize size() const noexcept { return size_; }

 private:
  Ref<Budget> budget_;
  ByteSize size_;
};

}  // namespace nacre::mm
