#include "nacre/base/coro/scheduler.hh"

#include <algorithm>
#include <functional>
#include <new>
#include <utility>

#include "current.hh"
#include "nacre/base/coro/scope.hh"

namespace nacre::coro {

namespace {

// The library's checks of a handle that is always good would cost more than the call.
[[gnu::always_inline]] inline void resume(std::coroutine_handle<> coroutine) {
  DEBUG_ASSERT(coroutine && !coroutine.done());
  __builtin_coro_resume(coroutine.address());
}

}  // namespace

void throw_no_frame() {
  throw std::bad_alloc();
}
void panic_outside() {
  panic("a task is spawned where no scheduler runs");
}

// ---- Strand ----

bool Strand::request_cancel() noexcept {
  const uint32_t before = state_.fetch_or(kCancelled, std::memory_order_acq_rel);
  if ((before & kCancelled) != 0) return false;
  Scheduler& at = home();
  const bool may_end_here = placement_ == Placement::Any || &at == Scheduler::current_or_null();
  if (before == 0) {
    if (may_end_here) return true;
    // It ends on its own CPU.
    state_.fetch_or(kWoken, std::memory_order_relaxed);
    at.enqueue(*this);
    return false;
  }
  if ((before & kRunning) != 0) {
    if (at.monitor_ != nullptr) at.monitor_->on_cancel_running(at);
    return false;
  }
  if (!may_end_here) return false;
  // Stolen meanwhile, it has a new home; not linked, somebody is about to run it, and will see the bit.
  Scheduler* queue = &at;
  while (true) {
    if (queue->remove(*this)) return true;
    Scheduler* const now = &home();
    if (now == queue) return false;
    queue = now;
  }
}

// ---- Scheduler ----

Scheduler* Scheduler::current_or_null() noexcept {
  return current_slot();
}
Scheduler& Scheduler::current() noexcept {
  Scheduler* const scheduler = current_slot();
  ASSERT(scheduler != nullptr);
  return *scheduler;
}
Strand& current_strand() noexcept {
  const Scheduler* const scheduler = current_slot();
  ASSERT(scheduler != nullptr && scheduler->running() != nullptr);
  return *scheduler->running();
}

Scheduler::Running::Running(Scheduler& scheduler) noexcept
    : before_(std::exchange(current_slot(), &scheduler)) {}
Scheduler::Running::~Running() {
  current_slot() = before_;
}

void Scheduler::link(Strand& strand) noexcept {
  ready_.push_back(strand);
  counts_.store(counts() + count_of(strand), std::memory_order_relaxed);
}

void Scheduler::unlink(Strand& strand) noexcept {
  strand.unlink();
  counts_.store(counts() - count_of(strand), std::memory_order_relaxed);
}

void Scheduler::append(Strand& strand, bool local) noexcept {
  const Placement placement = strand.placement_;
  {
    const SpinGuard guard(lock_);
    link(strand);
  }
  // The strand may be gone already.
  if (monitor_ == nullptr) return;
  if (!local || placement == Placement::Any) monitor_->on_queued(*this, local, placement);
}

void Scheduler::enqueue(Strand& strand) noexcept {
  enqueue_from(current_slot(), strand, strand.placement_);
}

Strand* Scheduler::take_first() noexcept {
  Strand* const first = this->first();
  if (first == nullptr) return nullptr;
  first_.store(nullptr, std::memory_order_relaxed);
  return first;
}

Strand* Scheduler::pop() noexcept {
  if (counts() == 0) return nullptr;
  const SpinGuard guard(lock_);
  Strand* strand = ready_.front();
  if (strand == nullptr || strand == first_again_) return nullptr;
  unlink(*strand);
  return strand;
}

bool Scheduler::remove(Strand& strand) noexcept {
  if (current_slot() == this && first() == &strand) {
    (void)take_first();
    return true;
  }
  const SpinGuard guard(lock_);
  if (&strand.home() != this || !strand.is_linked()) return false;
  unlink(strand);
  return true;
}

// In what resume() calls; when it returns, the frame with the strand is gone, and only the scope remains to be told.
void Root::end() noexcept {
  // Before the task's parameters go, which may be what it is about. Gone to, so that who has no hook needs no stack.
  constexpr auto end_hooked = [](Root* self) __attribute__((noinline)) {
    self->home().running_ = nullptr;
    std::exchange(self->suspension_hook_, nullptr)->on_suspension();
    self->end();
  };
  if (suspension_hook_ != nullptr) [[unlikely]]
    return end_hooked(this);
  Scheduler& scheduler = home();
  scheduler.ended_in_ = &scope_;
  scheduler.running_ = nullptr;
  scope_.take_out(*this);
}

void Root::fail(std::exception_ptr failure) noexcept {
  scope_.keep_failure(std::move(failure));
}

// Into the loop: it is nothing but this. Returns the strand that goes on next, if that is decided.
[[gnu::always_inline]] inline Strand* Scheduler::run(Strand& strand) {
  const uint32_t before =
      strand.state_.fetch_xor(Strand::kWoken | Strand::kRunning, std::memory_order_acq_rel);
  if ((before & Strand::kCancelled) == 0) [[likely]] {
    running_ = &strand;
    resume(strand.resume_point_);
    CheckedRank::expect_none();
    if (Scope* const scope = ended_in_) {
      ended_in_ = nullptr;
      return scope->count_out(this);
    }
    running_ = nullptr;
    if (strand.suspension_hook_ != nullptr) [[unlikely]] {
      std::exchange(strand.suspension_hook_, nullptr)->on_suspension();
    }
    const uint32_t after = strand.state_.fetch_and(~Strand::kRunning, std::memory_order_acq_rel);
    // Suspended: it may be running elsewhere by now, or be gone.
    if (after == Strand::kRunning) [[likely]]
      return nullptr;
    if ((after & Strand::kCancelled) == 0) {
      if (first_again_ == nullptr) first_again_ = &strand;
      append(strand, true);
      return nullptr;
    }
  }
  strand.dispose();
  return nullptr;
}

uint64_t Scheduler::run_ready(uint64_t limit) {
  ASSERT(ended_in_ == nullptr);
  const Running running(*this);
  // One that waits here for what others do, as block_on() does.
  Strand* const outer = running_;
  first_again_ = nullptr;
  batch_limit_ = limit;
  uint64_t resumed = 0;
  Strand* next = nullptr;
  while (resumed < batch_limit_) {
    if (next == nullptr) {
      next = take_first();
      if (next == nullptr && (next = pop()) == nullptr) break;
    }
    ++resumed;
    next = run(*next);
  }
  running_ = outer;
  if (next != nullptr) enqueue(*next);
  return resumed;
}

void Scheduler::dispose_cancelled() noexcept {
  const auto is_cancelled = [](const Strand& strand) {
    return (strand.state_.load(std::memory_order_relaxed) & Strand::kCancelled) != 0;
  };
  if (const Strand* const first = this->first(); first != nullptr && is_cancelled(*first)) {
    take_first()->dispose();
  }
  while (true) {
    Strand* cancelled = nullptr;
    {
      const SpinGuard guard(lock_);
      for (Strand* s = ready_.front(); s != nullptr; s = ready_.next(*s)) {
        if (!is_cancelled(*s)) continue;
        unlink(*s);
        cancelled = s;
        break;
      }
    }
    if (cancelled == nullptr) return;
    cancelled->dispose();
  }
}

// Both locks at once, in the order of their addresses: at no moment is a strand linked where its home is not.
uint64_t Scheduler::steal_from(Scheduler& victim, uint64_t limit) noexcept {
  if (&victim == this || victim.stealable_count() == 0) return 0;
  if (std::less<>()(this, &victim)) {
    const SpinGuard first(lock_);
    const SpinGuard second(victim.lock_, SpinGuard::Second());
    return steal_locked(victim, limit);
  }
  const SpinGuard first(victim.lock_);
  const SpinGuard second(lock_, SpinGuard::Second());
  return steal_locked(victim, limit);
}

uint64_t Scheduler::steal_locked(Scheduler& victim, uint64_t limit) noexcept {
  const uint64_t wanted = std::min(limit, (victim.stealable_count() + 1) / 2);
  uint64_t stolen = 0;
  Strand* next = nullptr;
  for (Strand* s = victim.ready_.front(); s != nullptr && stolen < wanted; s = next) {
    next = victim.ready_.next(*s);
    if (s->placement_ != Placement::Any) continue;
    victim.unlink(*s);
    s->home_.store(this, std::memory_order_relaxed);
    link(*s);
    ++stolen;
  }
  return stolen;
}

}  // namespace nacre::coro
