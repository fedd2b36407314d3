// Who pays for what a job takes of the kernel's heap: while the job runs on a CPU, the lists in front of the heap are the account's
// instead of the CPU's, so that all that enters them from the heap, and leaves them to it, is the job's. The heap's fast path
// does not know of it.
//
// What the job has allocated and not freed itself stays charged to the budget until the account ends, which therefore outlives
// it; who frees it later, and where, does not matter. An object costs its share of its slab, a large block its pages; once
// settled, nothing else is charged. A request that the budget cannot pay fails as if memory were out.
#pragma once

#include <cstdint>

#include "nacre/kernel/mm/budget.hh"
#include "nacre/kernel/mm/heap.hh"

namespace nacre::mm {

class HeapAccount {
 public:
  // `heap` outlives the account.
  HeapAccount(Heap& heap, Ref<Budget> budget) noexcept;
  HeapAccount(const HeapAccount&) = delete;
  HeapAccount& operator=(const HeapAccount&) = delete;
  ~HeapAccount();

  // Puts the account's lists in the place of the CPU's, or the CPU's back. In turns, on one CPU at a time.
  void swap_with(HeapCache& cpu) noexcept;
  // While swapped out: gives back what the lists keep for later.
  void settle() noexcept;

  // What is charged, bytes.
  [[nodiscard]] ByteSize used() const noexcept { return charge_.size(); }
  [[nodiscard]] ByteSize limit() const noexcept { return budget_->limit(); }
  // The first request that the budget could not pay, bytes; 0 if it paid all.
  [[nodiscard]] ByteSize refused() const noexcept { return refused_; }

 private:
  friend class Heap;

  // False, and nothing charged, if it is too much.
  [[nodiscard]] bool try_pay(uint64_t bytes) noexcept;
  // A job may free what it never paid for; that earns it nothing.
  void refund(uint64_t bytes) noexcept;
  void note_refusal(uint64_t bytes) noexcept;

  Heap& heap_;
  Ref<Budget> budget_;
  Charge charge_;
  HeapCache lists_;
  ByteSize refused_;
};

}  // namespace nacre::mm
