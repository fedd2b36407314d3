#include "nacre/base/coro/scope.hh"

#include <new>

namespace nacre::coro {

void Scope::spawn_on(Scheduler& scheduler, Task<void> task, Placement placement) {
  // Without a frame: it would end at once, and whoever waits for what it does would not learn of it.
  if (task.done()) throw std::bad_alloc();
  RootPromise& root = run(*this, scheduler, placement, std::move(task)).coroutine.promise();
  bool refused = false;
  {
    const SpinGuard guard(lock_);
    refused = cancelling_;
    if (!refused) {
      ++count_;
      roots_.push_back(root);
    }
  }
  if (refused) {
    root.destroy();
    return;
  }
  root.start(std::coroutine_handle<RootPromise>::from_promise(root));
}

void Scope::bury(RootPromise& root) noexcept {
  {
    // Whoever cancels looks at its strands under this lock: after it the root is ours alone.
    const SpinGuard guard(lock_);
    static_cast<ScopeLink&>(root).unlink();
  }
  root.destroy();
  count_out();
}

void Scope::count_out() noexcept {
  // The one who waits may destroy the scope as soon as the lock is free.
  const SpinGuard guard(lock_);
  if (--count_ != 0) return;
  while (Waiter* waiter = waiters_.pop_front()) waiter->wake();
}

void Scope::end_strands() noexcept {
  IntrusiveList<ScopeLink> ours;
  {
    const SpinGuard guard(lock_);
    cancelling_ = true;
    ScopeLink* next = nullptr;
    for (ScopeLink* link = roots_.front(); link != nullptr; link = next) {
      next = roots_.next(*link);
      if (!static_cast<RootPromise*>(link)->request_cancel()) continue;
      link->unlink();
      ours.push_back(*link);
    }
  }
  while (ScopeLink* link = ours.pop_front()) {
    static_cast<RootPromise*>(link)->destroy();
    count_out();
  }
}

void Scope::cancel_now() noexcept {
  if (is_empty()) return;
  end_strands();
  while (!is_empty()) {
    if (Scheduler* scheduler = Scheduler::current_or_null()) scheduler->dispose_cancelled();
    spin_hint();
  }
  end_cancelling();
}

}  // namespace nacre::coro
