#include "nacre/base/coro/scheduler.hh"

#include <utility>

namespace nacre::coro {

namespace {

thread_local constinit Scheduler* t_current = nullptr;

}  // namespace

void Waiter::suspend(std::coroutine_handle<> coroutine) noexcept {
  DEBUG_ASSERT(state_ == State::Idle);
  coroutine_ = coroutine;
  home_ = &Scheduler::current();
  state_ = State::Waiting;
}

void Waiter::suspend_on(IntrusiveList<Waiter>& list, std::coroutine_handle<> coroutine) noexcept {
  suspend(coroutine);
  list.push_back(*this);
}

void Waiter::wake() noexcept {
  DEBUG_ASSERT(state_ == State::Waiting);
  unlink();
  state_ = State::Ready;
  home_->ready_.push_back(*this);
}

Scheduler* Scheduler::current_or_null() noexcept {
  return t_current;
}

Scheduler::Running::Running(Scheduler& scheduler) noexcept
    : before_(std::exchange(t_current, &scheduler)) {}
Scheduler::Running::~Running() {
  t_current = before_;
}

uint64_t Scheduler::run_ready(uint64_t limit) {
  const Running running(*this);
  uint64_t resumed = 0;
  while (resumed < limit) {
    Waiter* waiter = ready_.pop_front();
    if (waiter == nullptr) break;
    waiter->state_ = Waiter::State::Idle;
    ++resumed;
    // The waiter may be gone when this returns.
    waiter->coroutine_.resume();
  }
  return resumed;
}

}  // namespace nacre::coro
