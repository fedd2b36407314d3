// A doubly linked list through its elements: linking allocates nothing, and an element leaves the list that it is on without
// knowing it, at the latest in its destructor.
#pragma once

#include "nacre/base/core/panic.hh"

namespace nacre {

// Base of what may be on a list, one list at a time.
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  [[nodiscard]] bool is_linked() const noexcept { return next_ != this; }
  void unlink() noexcept {
    next_->previous_ = previous_;
    previous_->next_ = next_;
    next_ = previous_ = this;
  }

 private:
  template <class T>
  friend class IntrusiveList;

  // An unlinked node is a ring of its own.
  ListNode* next_ = this;
  ListNode* previous_ = this;
};

// T is derived from ListNode. Does not own its elements; it is empty when it is destroyed.
template <class T>
class IntrusiveList {
 public:
  IntrusiveList() = default;
  ~IntrusiveList() { DEBUG_ASSERT(is_empty()); }

  [[nodiscard]] bool is_empty() const noexcept { return !head_.is_linked(); }
  void push_back(T& element) noexcept {
    ListNode& node = element;
    DEBUG_ASSERT(!node.is_linked());
    node.previous_ = head_.previous_;
    node.next_ = &head_;
    head_.previous_->next_ = &node;
    head_.previous_ = &node;
  }
  // nullptr if empty.
  [[nodiscard]] T* front() noexcept { return is_empty() ? nullptr : static_cast<T*>(head_.next_); }
  [[nodiscard]] T* pop_front() noexcept {
    T* element = front();
    if (element != nullptr) static_cast<ListNode*>(element)->unlink();
    return element;
  }
  // Takes out an element of ours that is on no list from now on until its end: cheaper than unlink().
  void remove_for_good(T& element) noexcept {
    ListNode& node = element;
    DEBUG_ASSERT(node.is_linked());
    node.next_->previous_ = node.previous_;
    node.previous_->next_ = node.next_;
  }
  // The one behind an element of ours; nullptr behind the last.
  [[nodiscard]] T* next(T& element) noexcept {
    ListNode* node = static_cast<ListNode&>(element).next_;
    return node == &head_ ? nullptr : static_cast<T*>(node);
  }
  // Moves all elements of the other list behind ours.
  void take_all(IntrusiveList& other) noexcept {
    if (other.is_empty()) return;
    ListNode* first = other.head_.next_;
    ListNode* last = other.head_.previous_;
    other.head_.next_ = other.head_.previous_ = &other.head_;
    first->previous_ = head_.previous_;
    head_.previous_->next_ = first;
    last->next_ = &head_;
    head_.previous_ = last;
  }

 private:
  ListNode head_;
};

}  // namespace nacre
