#include "nacre/base/coro/timer_queue.hh"

namespace nacre::coro {

void Timer::cancel() noexcept {
  if (queue_ != nullptr) queue_->remove(*this);
}

// Both are roots. The later one becomes the first child of the earlier.
Timer* TimerQueue::meld(Timer* a, Timer* b) noexcept {
  if (a == nullptr) return b;
  if (b == nullptr) return a;
  if (b->deadline_ns_ < a->deadline_ns_) {
    Timer* swap = a;
    a = b;
    b = swap;
  }
  b->previous_ = a;
  b->next_ = a->child_;
  if (b->next_ != nullptr) b->next_->previous_ = b;
  a->child_ = b;
  return a;
}

// The two passes of a pairing heap: neighbours by pairs from the left, the pairs from the right. Iterative: a list of
// siblings may be long.
Timer* TimerQueue::meld_siblings(Timer* first) noexcept {
  Timer* pairs = nullptr;  // linked backwards through next_
  while (first != nullptr) {
    Timer* second = first->next_;
    Timer* rest = second == nullptr ? nullptr : second->next_;
    first->next_ = first->previous_ = nullptr;
    if (second != nullptr) second->next_ = second->previous_ = nullptr;
    Timer* pair = meld(first, second);
    pair->next_ = pairs;
    pairs = pair;
    first = rest;
  }
  Timer* root = nullptr;
  while (pairs != nullptr) {
    Timer* next = pairs->next_;
    pairs->next_ = nullptr;
    root = meld(root, pairs);
    pairs = next;
  }
  return root;
}

void TimerQueue::insert(Timer& timer, uint64_t deadline_ns) noexcept {
  ASSERT(timer.queue_ == nullptr);
  timer.queue_ = this;
  timer.deadline_ns_ = deadline_ns;
  first_ = meld(first_, &timer);
}

void TimerQueue::remove(Timer& timer) noexcept {
  DEBUG_ASSERT(timer.queue_ == this);
  Timer* children = meld_siblings(timer.child_);
  timer.child_ = nullptr;
  if (first_ == &timer) {
    first_ = children;
  } else {
    // Out of the list of siblings.
    if (timer.previous_->child_ == &timer) {
      timer.previous_->child_ = timer.next_;
    } else {
      timer.previous_->next_ = timer.next_;
    }
    if (timer.next_ != nullptr) timer.next_->previous_ = timer.previous_;
    first_ = meld(first_, children);
  }
  timer.next_ = timer.previous_ = nullptr;
  timer.queue_ = nullptr;
}

void TimerQueue::expire(uint64_t now_ns) noexcept {
  while (first_ != nullptr && first_->deadline_ns_ <= now_ns) {
    Timer& timer = *first_;
    remove(timer);
    timer.expired_(timer);
  }
}

}  // namespace nacre::coro
