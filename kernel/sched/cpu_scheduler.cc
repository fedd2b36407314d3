#include "nacre/kernel/sched/cpu_scheduler.hh"

#include <algorithm>

#include "nacre/base/core/panic.hh"

namespace nacre::sched {
namespace {

// What a sleeper may catch up.
constexpr uint64_t kWakeUpCreditNs = 2'000'000;
// How far ahead of one that wakes another account must be to lose its slice to it: less, so that who slept long comes at once.
constexpr int64_t kPreemptionLeadNs = 1'000'000;

uint64_t virtual_time(uint64_t time_ns, uint32_t weight) {
  return time_ns * kDefaultWeight / weight;
}

}  // namespace

CpuAccount::CpuAccount(const CpuLimits& limits) noexcept : limits_(limits) {
  ASSERT(limits.weight >= 1 && limits.weight <= kMaxWeight);
  ASSERT(!limits.quota || limits.quota->period_ns != 0);
}

CpuScheduler::CpuScheduler(uint32_t cpus, Preempt preempt) noexcept
    : preempt_(preempt), free_(cpus), cpus_(cpus) {
  ASSERT(cpus >= 1 && cpus <= kMaxCpus);
}

// ---- Quota -------------------------------------------------------------------------------------

// Budget of the periods that have begun since the last time. At most one period's worth is kept.
void CpuScheduler::refill(CpuAccount& account, uint64_t now_ns) noexcept {
  const CpuQuota& quota = *account.limits_.quota;
  const auto budget = static_cast<int64_t>(quota.budget_ns);
  if (account.next_refill_ns_ == 0) {
    account.balance_ns_ = budget;
    account.next_refill_ns_ = now_ns + quota.period_ns;
    return;
  }
  if (now_ns < account.next_refill_ns_) return;
  const uint64_t periods = (now_ns - account.next_refill_ns_) / quota.period_ns + 1;
  account.next_refill_ns_ += periods * quota.period_ns;
  // More periods than pay any debt do not matter, and would overflow.
  const uint64_t needed =
      budget == 0 ? 0 : static_cast<uint64_t>((budget - account.balance_ns_) / budget) + 1;
  const auto paid = static_cast<int64_t>(std::min(periods, needed));
  account.balance_ns_ = std::min(account.balance_ns_ + paid * budget, budget);
}

bool CpuScheduler::has_budget(CpuAccount& account, uint64_t now_ns) noexcept {
  if (!account.limits_.quota) return true;
  refill(account, now_ns);
  return account.balance_ns_ > 0;
}

void CpuScheduler::note_throttled(CpuAccount& account) noexcept {
  account.throttled_.store(account.throttled() + 1, std::memory_order_relaxed);
}

uint64_t CpuScheduler::throttled_until_ns(const Claim& claim, uint64_t now_ns) noexcept {
  const mm::LockGuard guard(lock_);
  CpuAccount& account = claim.account_;
  if (has_budget(account, now_ns)) return 0;
  const CpuQuota& quota = *account.limits_.quota;
  if (quota.budget_ns == 0) return ~uint64_t{0};
  // The first period's end brings the balance above 0 unless there is a debt of whole budgets.
  const auto debt = static_cast<uint64_t>(-account.balance_ns_);
  return account.next_refill_ns_ + debt / quota.budget_ns * quota.period_ns;
}

// ---- The queue ---------------------------------------------------------------------------------

// Before a claim of the account waits or is granted.
void CpuScheduler::activate(CpuAccount& account) noexcept {
  if (account.granted_ != 0 || account.is_in_heap()) return;
  // Credit towards others: alone it would keep it until somebody else comes, who slept longer.
  const uint64_t credit =
      active_weight_ == 0 ? 0 : virtual_time(kWakeUpCreditNs, account.limits_.weight);
  active_weight_ += account.limits_.weight;
  const uint64_t earliest = virtual_now_ns_ - credit;
  if (static_cast<int64_t>(account.virtual_ns_ - earliest) < 0) account.virtual_ns_ = earliest;
}

// After a claim of the account no longer waits or is granted.
void CpuScheduler::deactivate(const CpuAccount& account) noexcept {
  if (account.granted_ != 0 || account.is_in_heap()) return;
  active_weight_ -= account.limits_.weight;
}

void CpuScheduler::enqueue(Claim& claim) noexcept {
  CpuAccount& account = claim.account_;
  activate(account);
  claim.state_.store(Claim::State::Waiting, std::memory_order_relaxed);
  account.waiting_.push_back(claim);
  if (account.is_in_heap()) return;
  queue_.insert(account);
  ++waiting_accounts_;
}

void CpuScheduler::dequeue(Claim& claim) noexcept {
  CpuAccount& account = claim.account_;
  static_cast<ListNode&>(claim).unlink();
  if (!account.waiting_.is_empty()) return;
  queue_.remove(account);
  --waiting_accounts_;
}

uint64_t CpuScheduler::slice_of(const CpuAccount& account) const noexcept {
  // Less for a smaller weight, so that it need not wait as long for the next.
  const uint64_t turn = kTargetLatencyNs * cpus_ / (waiting_accounts_ + cpus_) *
                        account.limits_.weight / kDefaultWeight;
  const uint64_t slice = std::clamp(turn, kMinSliceNs, kMaxSliceNs);
  if (!account.limits_.quota) return slice;
  return std::min(slice, static_cast<uint64_t>(std::max<int64_t>(account.balance_ns_, 1)));
}

void CpuScheduler::take_back(Claim& claim) noexcept {
  --claim.account_.granted_;
  ++free_;
  *std::ranges::find(granted_, &claim) = nullptr;
}

void CpuScheduler::grant(Claim& claim, CpuId cpu, uint64_t now_ns) noexcept {
  CpuAccount& account = claim.account_;
  ASSERT(free_ != 0);
  --free_;
  ++account.granted_;
  if (static_cast<int64_t>(account.virtual_ns_ - virtual_now_ns_) > 0) {
    virtual_now_ns_ = account.virtual_ns_;
  }
  claim.cpu_ = cpu;
  claim.charged_until_ns_ = now_ns;
  claim.slice_end_ns_.store(now_ns + slice_of(account), std::memory_order_relaxed);
  for (uint32_t i = 0; i < cpus_; ++i) {
    if (granted_[i] != nullptr) continue;
    granted_[i] = &claim;
    break;
  }
  claim.state_.store(Claim::State::Granted, std::memory_order_release);
}

void CpuScheduler::grant_next(CpuId cpu, uint64_t now_ns) noexcept {
  while (free_ != 0 && !queue_.is_empty()) {
    Claim& claim = *queue_.first()->waiting_.front();
    dequeue(claim);
    if (has_budget(claim.account_, now_ns)) {
      grant(claim, cpu, now_ns);
    } else {
      note_throttled(claim.account_);
      deactivate(claim.account_);
      claim.state_.store(Claim::State::Idle, std::memory_order_release);
    }
    // The claim may be gone when this returns, or released on another processor once the lock is.
    claim.settled_(claim);
  }
}

// Ends the slice of the account that is furthest ahead of `account`, if that is far.
void CpuScheduler::preempt_for(const CpuAccount& account, uint64_t now_ns) noexcept {
  Claim* furthest = nullptr;
  int64_t most = kPreemptionLeadNs;
  for (uint32_t i = 0; i < cpus_; ++i) {
    Claim* claim = granted_[i];
    if (claim == nullptr || claim->slice_end_ns() <= now_ns) continue;
    const CpuAccount& other = claim->account_;
    // What it has used of its slice is not booked yet.
    const uint64_t unbooked =
        now_ns > claim->charged_until_ns_ ? now_ns - claim->charged_until_ns_ : 0;
    const uint64_t at = other.virtual_ns_ + virtual_time(unbooked, other.limits_.weight);
    const auto ahead = static_cast<int64_t>(at - account.virtual_ns_);
    if (ahead <= most) continue;
    most = ahead;
    furthest = claim;
  }
  if (furthest == nullptr) return;
  furthest->slice_end_ns_.store(now_ns, std::memory_order_relaxed);
  preempt_(furthest->cpu_);
}

// ---- Claims ------------------------------------------------------------------------------------

bool CpuScheduler::try_acquire(Claim& claim, CpuId cpu, uint64_t now_ns) noexcept {
  const mm::LockGuard guard(lock_);
  DEBUG_ASSERT(claim.state() == Claim::State::Idle);
  if (free_ == 0 || !queue_.is_empty() || !has_budget(claim.account_, now_ns)) return false;
  activate(claim.account_);
  grant(claim, cpu, now_ns);
  return true;
}

bool CpuScheduler::acquire(Claim& claim, CpuId cpu, uint64_t now_ns) noexcept {
  const mm::LockGuard guard(lock_);
  DEBUG_ASSERT(claim.state() == Claim::State::Idle);
  if (!has_budget(claim.account_, now_ns)) {
    note_throttled(claim.account_);
    return true;
  }
  if (free_ != 0 && queue_.is_empty()) {
    activate(claim.account_);
    grant(claim, cpu, now_ns);
    return true;
  }
  enqueue(claim);
  preempt_for(claim.account_, now_ns);
  return false;
}

void CpuScheduler::start(Claim& claim, CpuId cpu, uint64_t now_ns) noexcept {
  const mm::LockGuard guard(lock_);
  DEBUG_ASSERT(claim.state() == Claim::State::Granted);
  claim.cpu_ = cpu;
  claim.charged_until_ns_ = now_ns;
}

bool CpuScheduler::charge(Claim& claim, uint64_t now_ns) noexcept {
  const mm::LockGuard guard(lock_);
  DEBUG_ASSERT(claim.state() == Claim::State::Granted);
  CpuAccount& account = claim.account_;
  const uint64_t used = now_ns - std::min(now_ns, claim.charged_until_ns_);
  claim.charged_until_ns_ = now_ns;
  account.used_ns_.store(account.used_ns() + used, std::memory_order_relaxed);
  if (account.limits_.quota) account.balance_ns_ -= static_cast<int64_t>(used);
  // Its place in the queue, if another of its claims waits there, depends on its virtual time.
  const bool waits = account.is_in_heap();
  if (waits) queue_.remove(account);
  account.virtual_ns_ += virtual_time(used, account.limits_.weight);
  virtual_now_ns_ += virtual_time(used, active_weight_);
  if (waits) queue_.insert(account);
  return now_ns >= claim.slice_end_ns();
}

void CpuScheduler::release(Claim& claim, uint64_t now_ns) noexcept {
  const mm::LockGuard guard(lock_);
  switch (claim.state()) {
    case Claim::State::Idle:
      return;
    case Claim::State::Waiting:
      dequeue(claim);
      deactivate(claim.account_);
      claim.state_.store(Claim::State::Idle, std::memory_order_relaxed);
      return;
    case Claim::State::Granted:
      break;
  }
  claim.state_.store(Claim::State::Idle, std::memory_order_relaxed);
  take_back(claim);
  deactivate(claim.account_);
  grant_next(claim.cpu_, now_ns);
}

void CpuScheduler::rotate(Claim& claim, uint64_t now_ns) noexcept {
  const mm::LockGuard guard(lock_);
  DEBUG_ASSERT(claim.state() == Claim::State::Granted);
  const CpuId cpu = claim.cpu_;
  // In the queue first, so that it takes part in the choice; and never as one that slept.
  enqueue(claim);
  take_back(claim);
  grant_next(cpu, now_ns);
}

uint32_t CpuScheduler::waiting() const noexcept {
  const mm::LockGuard guard(lock_);
  return waiting_accounts_;
}

}  // namespace nacre::sched
