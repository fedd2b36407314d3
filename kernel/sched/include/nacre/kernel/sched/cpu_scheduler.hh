// Who may use the processors: domains share them by weight, and none gets more than its quota.
//
// There are as many grants as processors. Each account (a domain) has a virtual time, which advances by the time that it used,
// divided by its weight; whenever a grant is free, the waiting account with the least virtual time gets it. So over any
// interval in which two accounts always want to run, what they used, divided by their weights, differs by at most a
// slice. One queue serves all processors: shares hold across them, and with slices of a millisecond nobody contends for
// it. An account that is new or slept starts at the virtual time of one that always had its share, less a small credit: it is
// served soon but saves nothing up. That time advances by what all use, divided by the weights of all who want to run, so
// that however many new ones come, those that wait get their turns.
//
// A quota is a budget of time in each period. Time is charged exactly as it was used; what an account overran is a debt that the
// next periods pay, and unused budget is lost at the period's end.
//
// What this does not know: threads, coroutines, address spaces. A Claim tells when it is granted by a callback. All functions may
// be called on any processor; times are in nanoseconds of one clock.
#pragma once

#include <cstdint>
#include <optional>

#include "nacre/base/core/address.hh"
#include "nacre/base/core/intrusive_list.hh"
#include "nacre/base/core/pairing_heap.hh"
#include "nacre/base/core/ref.hh"
#include "nacre/kernel/mm/lock.hh"

namespace nacre::sched {

inline constexpr uint32_t kDefaultWeight = 100;
inline constexpr uint32_t kMaxWeight = 10'000;
// A slice lets everybody who waits have a turn within kTargetLatencyNs, inside these bounds.
inline constexpr uint64_t kMinSliceNs = 500'000;
inline constexpr uint64_t kMaxSliceNs = 4'000'000;
inline constexpr uint64_t kTargetLatencyNs = 16'000'000;

// At most `budget_ns` of processor time in each `period_ns`; on several processors the budget may exceed the period.
struct CpuQuota {
  uint64_t budget_ns;
  uint64_t period_ns;  // not 0
};

struct CpuLimits {
  uint32_t weight = kDefaultWeight;  // 1 … kMaxWeight
  std::optional<CpuQuota> quota;
};

class CpuScheduler;
class Claim;

// A domain's part of the processors. Outlives its claims.
class CpuAccount : public RefCounted, private PairingHeapNode {
 public:
  explicit CpuAccount(const CpuLimits& limits) noexcept;

  // Processor time used so far, nanoseconds.
  [[nodiscard]] uint64_t used_ns() const noexcept {
    return used_ns_.load(std::memory_order_relaxed);
  }
  // How often one of its claims found the quota used up.
  [[nodiscard]] uint64_t throttled() const noexcept {
    return throttled_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] const CpuLimits& limits() const noexcept { return limits_; }

 private:
  friend class CpuScheduler;
  template <class T, class Before>
  friend class nacre::PairingHeap;
  friend struct EarlierVirtualTime;

  const CpuLimits limits_;
  // Guarded by the scheduler's lock.
  uint64_t virtual_ns_ = 0;
  int64_t balance_ns_ = 0;       // of the quota: negative is a debt
  uint64_t next_refill_ns_ = 0;  // 0: not started
  uint32_t granted_ = 0;
  IntrusiveList<Claim> waiting_;
  // Both grow; written under the lock, read by anyone.
  std::atomic<uint64_t> used_ns_{0};
  std::atomic<uint64_t> throttled_{0};
};

// A thread's wish to run, for a CpuAccount.
class Claim : private ListNode {
 public:
  // Idle → Granted, Waiting      acquire
  // Waiting → Granted, Idle      a grant came free; Idle: the quota is used up, ask again later
  // Granted → Waiting → …         rotate
  // Granted, Waiting → Idle      release
  enum class State : uint8_t { Idle, Waiting, Granted };
  // The claim is no longer Waiting. Called under the scheduler's lock: it may only wake.
  using Settled = void (*)(Claim&) noexcept;

  Claim(CpuAccount& account, Settled settled) noexcept : account_(account), settled_(settled) {}
  ~Claim() { ASSERT(state() == State::Idle); }

  [[nodiscard]] State state() const noexcept { return state_.load(std::memory_order_acquire); }
  // When the slice that was granted ends. Others may move it forward.
  [[nodiscard]] uint64_t slice_end_ns() const noexcept {
    return slice_end_ns_.load(std::memory_order_relaxed);
  }

 private:
  friend class CpuScheduler;
  friend class nacre::IntrusiveList<Claim>;

  CpuAccount& account_;
  const Settled settled_;
  // Written under the scheduler's lock. The release of a grant pairs with the acquire of who finds itself granted.
  std::atomic<State> state_{State::Idle};
  std::atomic<uint64_t> slice_end_ns_{0};
  uint64_t charged_until_ns_ = 0;
  CpuId cpu_{0};
};

struct EarlierVirtualTime {
  // By difference, so that it may wrap.
  bool operator()(const CpuAccount& a, const CpuAccount& b) const noexcept {
    return static_cast<int64_t>(a.virtual_ns_ - b.virtual_ns_) < 0;
  }
};

class CpuScheduler {
 public:
  static constexpr uint32_t kMaxCpus = 64;
  // Makes the processor look at its slice's end again. Called under the lock.
  using Preempt = void (*)(CpuId cpu) noexcept;

  CpuScheduler(uint32_t cpus, Preempt preempt) noexcept;

  // Grants at once if a processor is free and the quota allows; otherwise changes nothing. The claim is Idle.
  [[nodiscard]] bool try_acquire(Claim& claim, CpuId cpu, uint64_t now_ns) noexcept;
  // Grants or queues an Idle claim; whether it was granted or stays Idle because its quota is used up, in which
  // case throttled_until_ns says how long. If false, `settled` is called later, and may have been already.
  [[nodiscard]] bool acquire(Claim& claim, CpuId cpu, uint64_t now_ns) noexcept;
  // When the claim's account has budget again; 0 if it has some now.
  [[nodiscard]] uint64_t throttled_until_ns(const Claim& claim, uint64_t now_ns) noexcept;

  // The claim goes on where it was granted, on this processor, from now on.
  void start(Claim& claim, CpuId cpu, uint64_t now_ns) noexcept;
  // Books the time since the last charge or start. Whether the slice is over.
  [[nodiscard]] bool charge(Claim& claim, uint64_t now_ns) noexcept;
  // Gives the grant to whoever comes first, perhaps to the same claim again: `settled` is called as if it had waited.
  void rotate(Claim& claim, uint64_t now_ns) noexcept;
  // Gives the grant back; time since the last charge is not booked. Or stops waiting. Does nothing if Idle.
  void release(Claim& claim, uint64_t now_ns) noexcept;

  [[nodiscard]] uint32_t waiting() const noexcept;

 private:
  static void refill(CpuAccount& account, uint64_t now_ns) noexcept;
  [[nodiscard]] static bool has_budget(CpuAccount& account, uint64_t now_ns) noexcept;
  static void note_throttled(CpuAccount& account) noexcept;
  void activate(CpuAccount& account) noexcept REQUIRES(lock_);
  void deactivate(const CpuAccount& account) noexcept REQUIRES(lock_);
  void enqueue(Claim& claim) noexcept REQUIRES(lock_);
  void dequeue(Claim& claim) noexcept REQUIRES(lock_);
  void take_back(Claim& claim) noexcept REQUIRES(lock_);
  void grant(Claim& claim, CpuId cpu, uint64_t now_ns) noexcept REQUIRES(lock_);
  void grant_next(CpuId cpu, uint64_t now_ns) noexcept REQUIRES(lock_);
  void preempt_for(const CpuAccount& account, uint64_t now_ns) noexcept REQUIRES(lock_);
  [[nodiscard]] uint64_t slice_of(const CpuAccount& account) const noexcept REQUIRES(lock_);

  const Preempt preempt_;
  mutable mm::Lock lock_{LockRank::CpuScheduler};
  uint32_t free_ GUARDED_BY(lock_);
  uint32_t waiting_accounts_ GUARDED_BY(lock_) = 0;
  const uint32_t cpus_;
  uint64_t virtual_now_ns_ GUARDED_BY(lock_) = 0;  // never behind an account that was granted
  uint32_t active_weight_ GUARDED_BY(lock_) = 0;   // of all accounts that wait or are granted
  PairingHeap<CpuAccount, EarlierVirtualTime> queue_ GUARDED_BY(lock_);
  Claim* granted_[kMaxCpus] GUARDED_BY(lock_) = {};
};

}  // namespace nacre::sched
