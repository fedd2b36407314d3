#include "nacre/kernel/exec/executor.hh"

#include <algorithm>

namespace nacre::exec {

void Executor::run() {
  while (!stopping_) {
    if (!turn()) sleep();
  }
  stopping_ = false;
}

bool Executor::turn() {
  bool worked = take_remote();
  port_.serve_interrupts();
  if (scheduler_.timers().next_deadline_ns() != coro::kNever) {
    scheduler_.timers().expire(port_.now_ns());
  }
  const uint64_t resumed = scheduler_.run_ready(kBatch);
  statistics_.resumed += resumed;
  return worked || resumed != 0;
}

void Executor::sleep() noexcept {
  // Sequentially consistent, like the push and the look in post_remote.
  idle_.store(true, std::memory_order_seq_cst);
  if (remote_.load(std::memory_order_seq_cst) == nullptr) {
    ++statistics_.waits;
    port_.arm_deadline(scheduler_.timers().next_deadline_ns());
    port_.wait_for_interrupt();
  }
  idle_.store(false, std::memory_order_relaxed);
}

void Executor::arm_until(uint64_t deadline_ns) noexcept {
  port_.arm_deadline(std::min(deadline_ns, scheduler_.timers().next_deadline_ns()));
}

void Executor::post_remote(RemoteWork& work) noexcept {
  RemoteWork* head = remote_.load(std::memory_order_relaxed);
  do {
    work.next_ = head;
  } while (!remote_.compare_exchange_weak(head, &work, std::memory_order_seq_cst,
                                          std::memory_order_relaxed));
  if (idle_.load(std::memory_order_seq_cst)) port_.poke();
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
