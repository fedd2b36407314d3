#include "nacre/base/coro/scope.hh"

#include <utility>

#include "current.hh"

namespace nacre::coro {

namespace {

using Handle = Task<void>::Handle;

Handle task_of(const Root& root) noexcept {
  return Handle::from_address(root.task().address());
}

[[gnu::cold, gnu::noinline]] void refuse(Handle task) noexcept {
  task.destroy();
}

}  // namespace

[[gnu::always_inline]] inline void Scope::start_from(Scheduler* caller, Handle task,
                                                     Scheduler& scheduler, Placement placement) {
  // Without a frame: it would end at once, and whoever waits for what it does would not learn of it.
  if (!task) [[unlikely]]
    return throw_no_frame();
  const uint32_t state = lock_.lock();
  if ((state & kCancelling) != 0) [[unlikely]] {
    lock_.unlock(state);
    return refuse(task);
  }
  Root& root = task.promise().make_root(*this, placement, scheduler);
  roots_.push_back(root);
  lock_.unlock(state + kOneStrand);
  scheduler.enqueue_from(caller, root, placement);
}

void Scope::start(Handle task, Scheduler& scheduler, Placement placement) {
  start_from(current_slot(), task, scheduler, placement);
}

void Scope::start_beside_caller(Handle task) {
  Scheduler* const scheduler = current_slot();
  if (scheduler == nullptr) [[unlikely]]
    return panic_outside();
  const Strand* const caller = scheduler->running();
  start_from(scheduler, task, *scheduler,
             caller == nullptr ? Placement::Pinned : caller->placement());
}

void Strand::dispose() noexcept {
  auto& root = static_cast<Root&>(*this);
  root.scope().bury(root);
}

void Scope::bury(Root& root) noexcept {
  const Handle task = task_of(root);
  take_out(root);
  task.destroy();
  (void)count_out(nullptr);
}

uint32_t Scope::wait(EmptyAwaiter& awaiter, std::coroutine_handle<> coroutine) noexcept {
  Strand* const strand = current_slot()->running();
  DEBUG_ASSERT(strand != nullptr);
  strand->will_resume_at(coroutine);
  const uint32_t state = lock_.lock();
  const uint32_t left = count(state);
  if (left != 0) {
    awaiter.strand = strand;
    awaiter.next = joiners_;
    joiners_ = &awaiter;
  }
  lock_.unlock(state);
  return left;
}

void Scope::keep_failure(std::exception_ptr failure) noexcept {
  const SpinGuard guard(lock_);
  if (!failure_) failure_ = std::move(failure);
}

void Scope::wake_joiners() noexcept {
  EmptyAwaiter* joiner = std::exchange(joiners_, nullptr);
  while (joiner != nullptr) {
    Strand& strand = *joiner->strand;
    joiner = joiner->next;
    strand.wake();
  }
}

void Scope::forget(EmptyAwaiter& awaiter) noexcept {
  const SpinGuard guard(lock_);
  EmptyAwaiter** link = &joiners_;
  while (*link != nullptr && *link != &awaiter) link = &(*link)->next;
  // Otherwise it was woken already.
  if (*link != nullptr) *link = awaiter.next;
}

void Scope::end_strands() noexcept {
  IntrusiveList<ScopeLink> ours;
  const uint32_t state = lock_.lock();
  ScopeLink* next = nullptr;
  for (ScopeLink* link = roots_.front(); link != nullptr; link = next) {
    next = roots_.next(*link);
    if (!static_cast<Root*>(link)->request_cancel()) continue;
    link->unlink();
    ours.push_back(*link);
  }
  lock_.unlock(state | kCancelling);
  while (ScopeLink* link = ours.pop_front()) {
    task_of(*static_cast<Root*>(link)).destroy();
    (void)count_out(nullptr);
  }
}

void Scope::end_cancelling() noexcept {
  const uint32_t state = lock_.lock();
  lock_.unlock(state & ~kCancelling);
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
