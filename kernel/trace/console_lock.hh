// Who writes to the console. Held for whole lines, or for a whole report; never across an await.
#pragma once

#include <atomic>
#include <cstdint>

#include "nacre/kernel/arch/clock.hh"
#include "nacre/kernel/arch/per_cpu.hh"

namespace nacre::trace {

class ConsoleLock {
 public:
  [[nodiscard]] bool try_take() {
    uint32_t free = 0;
    return owner_.compare_exchange_strong(free, self(), std::memory_order_seq_cst,
                                          std::memory_order_relaxed);
  }
  // A holder always gets on, so after kPatience it is taken for dead: a report that cannot be written helps nobody.
  void take() {
    const uint64_t start = arch::now_ns();
    while (!try_take()) {
      if (arch::now_ns() - start < kPatienceNs) continue;
      owner_.store(self(), std::memory_order_seq_cst);
      return;
    }
  }
  void give_back() { owner_.store(0, std::memory_order_seq_cst); }
  [[nodiscard]] bool is_mine() const { return owner_.load(std::memory_order_relaxed) == self(); }

 private:
  static constexpr uint64_t kPatienceNs = 500'000'000;
  static uint32_t self() { return arch::this_cpu().id.value + 1; }

  // 0 free, else the holder's CpuId + 1. What the holder wrote happens before the next one's take.
  std::atomic<uint32_t> owner_{0};
};

extern constinit ConsoleLock console_lock;

}  // namespace nacre::trace
