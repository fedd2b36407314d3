#include "nacre/kernel/mm/heap_account.hh"

#include <algorithm>
#include <utility>

namespace nacre::mm {

HeapAccount::HeapAccount(Heap& heap, Ref<Budget> budget) noexcept
    : heap_(heap), budget_(std::move(budget)), charge_(budget_) {
  heap.attach(lists_);
  lists_.payer = this;
}

HeapAccount::~HeapAccount() {
  settle();
}

void HeapAccount::swap_with(HeapCache& cpu) noexcept {
  ASSERT((cpu.payer == this) != (lists_.payer == this));
  std::swap(cpu, lists_);
}

void HeapAccount::settle() noexcept {
  ASSERT(lists_.payer == this);
  heap_.drain(lists_);
}

bool HeapAccount::try_pay(uint64_t bytes) noexcept {
  return charge_.try_grow(ByteSize(bytes));
}

void HeapAccount::refund(uint64_t bytes) noexcept {
  charge_.shrink(std::min(ByteSize(bytes), charge_.size()));
}

void HeapAccount::note_refusal(uint64_t bytes) noexcept {
  if (refused_ == ByteSize(0)) refused_ = ByteSize(bytes);
}

}  // namespace nacre::mm
