// An intrusive pairing heap: insert and first() are constant, remove is logarithmic (amortised), nothing is allocated.
//
// The two-pass variant of Fredman, Sedgewick, Sleator and Tarjan, "The Pairing Heap: A New Form of Self-Adjusting Heap"
// (1986). Equal elements come out in no particular order.
#pragma once

#include <utility>

#include "nacre/base/core/panic.hh"

namespace nacre {

// What an element derives from. It must leave its heap before it is destroyed.
class PairingHeapNode {
 public:
  PairingHeapNode() = default;
  PairingHeapNode(const PairingHeapNode&) = delete;
  PairingHeapNode& operator=(const PairingHeapNode&) = delete;
  ~PairingHeapNode() { DEBUG_ASSERT(!is_linked_); }

  [[nodiscard]] bool is_in_heap() const noexcept { return is_linked_; }

 private:
  template <class T, class Before>
  friend class PairingHeap;

  PairingHeapNode* child_ = nullptr;     // the first of those that do not come before it
  PairingHeapNode* next_ = nullptr;      // sibling
  PairingHeapNode* previous_ = nullptr;  // sibling, or the parent if this is its first child
  bool is_linked_ = false;
};

// `Before()(a, b)`: whether a must come out before b. It must not change while both are inside.
template <class T, class Before>
class PairingHeap {
 public:
  PairingHeap() = default;
  PairingHeap(const PairingHeap&) = delete;
  PairingHeap& operator=(const PairingHeap&) = delete;
  ~PairingHeap() { DEBUG_ASSERT(root_ == nullptr); }

  [[nodiscard]] bool is_empty() const noexcept { return root_ == nullptr; }
  // nullptr if there is none.
  [[nodiscard]] T* first() const noexcept { return static_cast<T*>(root_); }

  void insert(T& element) noexcept {
    PairingHeapNode& node = element;
    ASSERT(!node.is_linked_);
    node.is_linked_ = true;
    root_ = meld(root_, &node);
  }

  // `element` is in this heap.
  void remove(T& element) noexcept {
    PairingHeapNode& node = element;
    ASSERT(node.is_linked_);
    PairingHeapNode* children = meld_siblings(std::exchange(node.child_, nullptr));
    if (root_ == &node) {
      root_ = children;
    } else {
      if (node.previous_->child_ == &node) {
        node.previous_->child_ = node.next_;
      } else {
        node.previous_->next_ = node.next_;
      }
      if (node.next_ != nullptr) node.next_->previous_ = node.previous_;
      root_ = meld(root_, children);
    }
    node.next_ = node.previous_ = nullptr;
    node.is_linked_ = false;
  }

 private:
  static bool comes_before(PairingHeapNode* a, PairingHeapNode* b) noexcept {
    return Before()(static_cast<const T&>(*a), static_cast<const T&>(*b));
  }

  // Both are roots, or null. The later one becomes the first child of the earlier.
  static PairingHeapNode* meld(PairingHeapNode* a, PairingHeapNode* b) noexcept {
    if (a == nullptr) return b;
    if (b == nullptr) return a;
    if (comes_before(b, a)) std::swap(a, b);
    b->previous_ = a;
    b->next_ = a->child_;
    if (b->next_ != nullptr) b->next_->previous_ = b;
    a->child_ = b;
    return a;
  }

  // Neighbours by pairs from the left, then the pairs from the right. Iterative: a list of siblings may be long.
  static PairingHeapNode* meld_siblings(PairingHeapNode* first) noexcept {
    PairingHeapNode* pairs = nullptr;  // linked backwards through next_
    while (first != nullptr) {
      PairingHeapNode* second = first->next_;
      PairingHeapNode* rest = second == nullptr ? nullptr : second->next_;
      first->next_ = first->previous_ = nullptr;
      if (second != nullptr) second->next_ = second->previous_ = nullptr;
      PairingHeapNode* pair = meld(first, second);
      pair->next_ = pairs;
      pairs = pair;
      first = rest;
    }
    PairingHeapNode* root = nullptr;
    while (pairs != nullptr) {
      PairingHeapNode* next = std::exchange(pairs->next_, nullptr);
      root = meld(root, pairs);
      pairs = next;
    }
    return root;
  }

  PairingHeapNode* root_ = nullptr;
};

}  // namespace nacre
