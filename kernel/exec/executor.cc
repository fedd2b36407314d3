#include "nacre/kernel/exec/executor.hh"

#include <algorithm>
#include <bit>

namespace nacre::exec {

// ---- Group ----

void Group::add(Executor& executor) noexcept {
  const size_t place = executor.cpu_.value;
  ASSERT(place < kMaxCpus && members_[place].load(std::memory_order_relaxed) == nullptr);
  members_[place].store(&executor, std::memory_order_release);
  size_t size = size_.load(std::memory_order_relaxed);
  while (size <= place && !size_.compare_exchange_weak(size, place + 1, std::memory_order_release,
                                                       std::memory_order_relaxed)) {
  }
}

void Group::wake_one() noexcept {
  coro::fence_seq_cst();
  uint64_t sleeping = sleeping_.load(std::memory_order_relaxed);
  while (sleeping != 0) {
    const uint64_t bit = sleeping & (~sleeping + 1);
    const uint64_t before = sleeping_.fetch_and(~bit, std::memory_order_relaxed);
    if ((before & bit) != 0) {
      const auto place = static_cast<size_t>(std::countr_zero(bit));
      members_[place].load(std::memory_order_acquire)->notify();
      return;
    }
    sleeping = before & ~bit;
  }
}

bool Group::has_stealable(const Executor& thief) const noexcept {
  const size_t count = size();
  for (size_t i = 0; i < count; ++i) {
    const Executor* other = members_[i].load(std::memory_order_acquire);
    if (other == nullptr || other == &thief) continue;
    if (other->scheduler_.stealable_count() != 0) return true;
  }
  return false;
}

// ---- What other CPUs call ----

void Executor::notify() noexcept {
  arrived_.store(1, std::memory_order_release);
  // Between what was queued and the look whether we notice it ourselves; pairs with those in sleep() and arm_until().
  coro::fence_seq_cst();
  if (activity_.load(std::memory_order_relaxed) == Activity::Awake) return;
  // One poke is enough, by whoever is first.
  if (activity_.exchange(Activity::Awake, std::memory_order_relaxed) != Activity::Awake) {
    port_.poke();
  }
}

void Executor::post_remote(RemoteWork& work) noexcept {
  RemoteWork* head = remote_.load(std::memory_order_relaxed);
  do {
    work.next_ = head;
  } while (!remote_.compare_exchange_weak(head, &work, std::memory_order_release,
                                          std::memory_order_relaxed));
  notify();
}

void Executor::on_queued(coro::Scheduler& scheduler, bool local,
                         coro::Placement placement) noexcept {
  if (!local) notify();
  // One that is alone in its queue is next here; the second may as well run elsewhere.
  if (placement == coro::Placement::Any && group_ != nullptr && scheduler.ready_count() >= 2) {
    group_->wake_one();
  }
}

void Executor::on_cancel_running(coro::Scheduler&) noexcept {
  notify();
}

// ---- The loop ----

void Executor::run() {
  while (!stopping_) {
    if (!turn()) sleep();
  }
  stopping_ = false;
}

void Executor::note_awake() noexcept {
  if (activity_.load(std::memory_order_relaxed) != Activity::Awake) {
    activity_.store(Activity::Awake, std::memory_order_relaxed);
  }
  // The acquire pairs with notify(): what had arrived is seen by the looks that follow.
  if (arrived_.load(std::memory_order_relaxed) != 0) {
    (void)arrived_.exchange(0, std::memory_order_acquire);
  }
}

bool Executor::turn() {
  const coro::Scheduler::Running running(scheduler_);
  note_awake();
  const bool worked = take_remote();
  port_.serve_interrupts();
  coro::TimerWheel& timers = scheduler_.timers();
  if (!timers.is_empty()) timers.expire(port_.now_ns());
  uint64_t resumed = scheduler_.run_ready(kBatch);
  if (resumed == 0 && !worked && steal() != 0) resumed = scheduler_.run_ready(kBatch);
  statistics_.resumed += resumed;
  return worked || resumed != 0;
}

uint64_t Executor::steal() noexcept {
  if (group_ == nullptr) return 0;
  const size_t count = group_->size();
  for (size_t i = 1; i < count; ++i) {
    Executor* other = group_->find(CpuId{static_cast<uint32_t>((cpu_.value + i) % count)});
    if (other == nullptr || other == this) continue;
    const uint64_t stolen = scheduler_.steal_from(other->scheduler_, kStealLimit);
    statistics_.stolen += stolen;
    if (stolen != 0) return stolen;
  }
  return 0;
}

// Looks for a while whether another CPU leaves something. It does so without an interrupt: we count as awake.
bool Executor::poll() noexcept {
  if (group_->size() < 2) return false;
  // What could be stolen before the others knew of us; who queues something from now on tells us.
  coro::fence_seq_cst();
  if (group_->has_stealable(*this)) return true;
  for (uint64_t looks = 0; looks < kPolls; ++looks) {
    if (arrived_.load(std::memory_order_relaxed) != 0) return true;
  }
  return false;
}

bool Executor::has_work() const noexcept {
  return arrived_.load(std::memory_order_relaxed) != 0 ||
         remote_.load(std::memory_order_relaxed) != nullptr || scheduler_.has_ready() ||
         (group_ != nullptr && group_->has_stealable(*this));
}

void Executor::sleep() noexcept {
  const uint64_t bit = uint64_t{1} << cpu_.value % Group::kMaxCpus;
  if (group_ != nullptr) {
    group_->sleeping_.fetch_or(bit, std::memory_order_relaxed);
    if (poll()) {
      group_->sleeping_.fetch_and(~bit, std::memory_order_relaxed);
      return;
    }
  }
  activity_.store(Activity::Sleeping, std::memory_order_relaxed);
  coro::fence_seq_cst();
  if (!has_work()) {
    ++statistics_.waits;
    port_.arm_deadline(scheduler_.timers().next_deadline_ns());
    port_.wait_for_interrupt();
  }
  if (group_ != nullptr) group_->sleeping_.fetch_and(~bit, std::memory_order_relaxed);
  activity_.store(Activity::Awake, std::memory_order_relaxed);
}

void Executor::arm_until(uint64_t deadline_ns) noexcept {
  if (group_ != nullptr && scheduler_.stealable_count() != 0) group_->wake_one();
  scheduler_.end_batch();
  activity_.store(Activity::InUser, std::memory_order_relaxed);
  coro::fence_seq_cst();
  if (arrived_.load(std::memory_order_relaxed) != 0) [[unlikely]] {
    // The slice ends before it begins.
    port_.arm_deadline(0);
    return;
  }
  port_.arm_deadline(std::min(deadline_ns, scheduler_.timers().next_deadline_ns()));
}

bool Executor::take_remote() noexcept {
  if (remote_.load(std::memory_order_relaxed) == nullptr) return false;
  RemoteWork* newest = remote_.exchange(nullptr, std::memory_order_acquire);
  // Oldest first.
  RemoteWork* oldest = nullptr;
  while (newest != nullptr) {
    RemoteWork* next = newest->next_;
    newest->next_ = oldest;
    oldest = newest;
    newest = next;
  }
  while (oldest != nullptr) {
    // The node may be gone or reused as soon as it runs.
    RemoteWork& work = *oldest;
    oldest = work.next_;
    ++statistics_.remote;
    work.run_(work);
  }
  return true;
}

}  // namespace nacre::exec
