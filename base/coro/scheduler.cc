#include "nacre/base/coro/scheduler.hh"

#include <algorithm>
#include <functional>
#include <utility>

namespace nacre::coro {

namespace {

#ifdef NACRE_MODEL
constinit model::Local<Scheduler*> t_current;
Scheduler*& current_slot() noexcept {
  return t_current.get();
}
#else
thread_local constinit Scheduler* t_current = nullptr;
Scheduler*& current_slot() noexcept {
  return t_current;
}
#endif

}  // namespace

// ---- Strand ----

void Strand::start(std::coroutine_handle<> root) noexcept {
  resume_point_ = root;
  home().enqueue(*this);
}

void Strand::wake() noexcept {
  // Acquire and release: the waker's writes are seen by the one who resumes, and what the strand wrote before it was
  // suspended by the waker, who may pass it on.
  if (state_.fetch_or(kWoken, std::memory_order_acq_rel) == 0) home().enqueue(*this);
}

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

Scheduler::Running::Running(Scheduler& scheduler) noexcept
    : before_(std::exchange(current_slot(), &scheduler)) {}
Scheduler::Running::~Running() {
  current_slot() = before_;
}

void Scheduler::link(Strand& strand) noexcept {
  ready_.push_back(strand);
  add(ready_count_, 1);
  if (strand.placement_ == Placement::Any) add(stealable_count_, 1);
}

void Scheduler::unlink(Strand& strand) noexcept {
  strand.unlink();
  add(ready_count_, ~uint64_t{0});
  if (strand.placement_ == Placement::Any) add(stealable_count_, ~uint64_t{0});
}

void Scheduler::enqueue(Strand& strand) noexcept {
  const Placement placement = strand.placement_;
  {
    const SpinGuard guard(lock_);
    link(strand);
  }
  // The strand may be gone already.
  if (monitor_ == nullptr) return;
  const bool local = current_slot() == this;
  if (!local || placement == Placement::Any) monitor_->on_queued(*this, local, placement);
}

Strand* Scheduler::pop() noexcept {
  if (!has_ready()) return nullptr;
  const SpinGuard guard(lock_);
  Strand* strand = ready_.front();
  if (strand == nullptr || strand == first_again_) return nullptr;
  unlink(*strand);
  return strand;
}

bool Scheduler::remove(Strand& strand) noexcept {
  const SpinGuard guard(lock_);
  if (&strand.home() != this || !strand.is_linked()) return false;
  unlink(strand);
  return true;
}

void Scheduler::run(Strand& strand) {
  const uint32_t before =
      strand.state_.fetch_xor(Strand::kWoken | Strand::kRunning, std::memory_order_acq_rel);
  if ((before & Strand::kCancelled) != 0) [[unlikely]] {
    strand.dispose();
    return;
  }
  Strand* const outer = std::exchange(running_, &strand);
  strand.resume_point_.resume();
  running_ = outer;
  if (strand.suspension_hook_ != nullptr) {
    std::exchange(strand.suspension_hook_, nullptr)->on_suspension();
  }
  if (strand.finished_) {
    strand.dispose();
    return;
  }
  const uint32_t after = strand.state_.fetch_and(~Strand::kRunning, std::memory_order_acq_rel);
  // Suspended: it may be running elsewhere by now, or be gone.
  if (after == Strand::kRunning) return;
  if ((after & Strand::kCancelled) != 0) {
    strand.dispose();
  } else {
    if (first_again_ == nullptr) first_again_ = &strand;
    enqueue(strand);
  }
}

uint64_t Scheduler::run_ready(uint64_t limit) {
  const Running running(*this);
  first_again_ = nullptr;
  uint64_t resumed = 0;
  batch_ends_ = false;
  while (resumed < limit && !batch_ends_) {
    Strand* strand = pop();
    if (strand == nullptr) break;
    ++resumed;
    run(*strand);
  }
  return resumed;
}

void Scheduler::dispose_cancelled() noexcept {
  while (true) {
    Strand* cancelled = nullptr;
    {
      const SpinGuard guard(lock_);
      for (Strand* s = ready_.front(); s != nullptr; s = ready_.next(*s)) {
        if ((s->state_.load(std::memory_order_relaxed) & Strand::kCancelled) == 0) continue;
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
    const SpinGuard second(victim.lock_);
    return steal_locked(victim, limit);
  }
  const SpinGuard first(victim.lock_);
  const SpinGuard second(lock_);
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
